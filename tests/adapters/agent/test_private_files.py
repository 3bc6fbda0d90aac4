"""Files that hold keys (hostile input 19): modes, links, half-written files."""

from __future__ import annotations

import stat
from pathlib import Path

from lateen.adapters.agent.private_files import private_directory, read_private, write_atomically


def test_hostile_19_only_the_owner_reads(tmp_path: Path) -> None:
    private_directory(tmp_path / "a" / "b")
    write_atomically(tmp_path / "a" / "b" / "key.pem", b"secret")

    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "a" / "b" / "key.pem").stat().st_mode) == 0o600
    assert read_private(tmp_path / "a" / "b" / "key.pem") == b"secret"


def test_hostile_19_a_link_in_the_files_place_is_replaced_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    for name in ("key.pem", ".key.pem.new"):
        (tmp_path / name).symlink_to(victim)

    write_atomically(tmp_path / "key.pem", b"secret")

    assert victim.read_bytes() == b"precious"
    assert not (tmp_path / "key.pem").is_symlink()
    assert read_private(tmp_path / "key.pem") == b"secret"


def test_hostile_19_a_link_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"precious")
    (tmp_path / "key.pem").symlink_to(tmp_path / "victim")

    assert read_private(tmp_path / "key.pem") is None
    assert read_private(tmp_path / "missing") is None


def test_hostile_19_an_interrupted_write_leaves_the_old_content(tmp_path: Path) -> None:
    write_atomically(tmp_path / "key.pem", b"old")
    (tmp_path / ".key.pem.new").write_bytes(b"ha")

    assert read_private(tmp_path / "key.pem") == b"old"
    write_atomically(tmp_path / "key.pem", b"new")
    assert read_private(tmp_path / "key.pem") == b"new"
