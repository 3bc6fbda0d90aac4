"""Settings of one start hold for the next; new settings replace them."""

from __future__ import annotations

from pathlib import Path

import pytest

from lateen.app.installation import LOCAL_DEFAULTS, installation, keep
from lateen.app.instance import InstanceError


def test_without_settings_it_is_the_local_default(tmp_path: Path) -> None:
    found = installation(tmp_path, {}, {})

    assert (found.spec, found.given) == (LOCAL_DEFAULTS, False)


def test_what_was_given_once_holds_for_the_next_start(tmp_path: Path) -> None:
    keep(tmp_path, installation(tmp_path, {"profile": "demo"}, {"meshConfig.enableTracing": "true"}))

    found = installation(tmp_path, {}, {})

    assert found.spec["profile"] == "demo"
    assert found.spec["meshConfig"] == {"defaultConfig": {"concurrency": 1}, "enableTracing": True}
    assert not found.given


def test_the_users_operator_wins_over_the_local_default(tmp_path: Path) -> None:
    found = installation(tmp_path, {"meshConfig": {"defaultConfig": {"concurrency": 4}}}, {})

    assert found.spec["meshConfig"]["defaultConfig"]["concurrency"] == 4
    assert found.given


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "install.json").write_text("{")

    with pytest.raises(InstanceError, match=r"install\.json: not readable"):
        installation(tmp_path, {}, {})
