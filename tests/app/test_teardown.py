"""What is kept of a mesh belongs to the person who called, also what its processes wrote as root.

What pods keep in their volumes stays theirs.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lateen.app import teardown
from lateen.app.instance import Instance

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
SOMEBODY = 12345


def test_a_stopped_mesh_leaves_files_of_its_owner_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = tmp_path / "state"
    (state / "logs" / "pods").mkdir(parents=True)
    (state / "state.db").write_text("")
    (state / "logs" / "node.log").write_text("")
    outside = tmp_path / "outside"
    outside.write_text("")
    (state / "volumes" / "data").mkdir(parents=True)
    os.chown(state / "volumes" / "data", 999, 999)
    (state / "link").symlink_to(outside)
    monkeypatch.setattr(teardown, "clean_machine", lambda _: None)
    mesh = Instance(
        name="m", index=0, state_dir=str(state), run_dir=str(tmp_path / "run"), api_port=1,
        owner_uid=SOMEBODY, owner_gid=SOMEBODY,
    )  # fmt: skip

    teardown.stop_mesh(mesh)

    kept = [path for path in (state, *state.rglob("*")) if "volumes" not in path.parts]
    assert {path.lstat().st_uid for path in kept} == {SOMEBODY}
    assert (state / "volumes" / "data").stat().st_uid == 999
    assert outside.stat().st_uid == 0
