"""Volumes on disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lateen.adapters.node.namespaces import NodeError
from lateen.adapters.node.volumedirs import check_host_path, make_empty, write_content
from lateen.localcluster.volumes import Content, File


def content(**files: str) -> Content:
    return Content(tuple(sorted((name, File(text.encode(), 0o644)) for name, text in files.items())))


def test_an_update_switches_all_files_at_once(tmp_path: Path) -> None:
    volume = tmp_path / "v"

    assert write_content(volume, content(a="1", b="1"), "1")
    held = os.open(volume / "..data" / "a", os.O_RDONLY)
    assert write_content(volume, content(a="2", c="2"), "2")
    assert sorted(path.name for path in volume.iterdir() if not path.name.startswith("..")) == ["a", "c"]
    assert (volume / "a").read_text() == "2"
    assert os.readlink(volume / "a") == "..data/a"
    assert os.read(held, 1) == b"1", "who reads the old set goes on reading it"
    os.close(held)
    assert not (volume / "..1").exists()


def test_an_unchanged_volume_is_not_touched(tmp_path: Path) -> None:
    volume = tmp_path / "v"
    write_content(volume, content(a="1"), "1")

    assert not write_content(volume, content(a="1"), "2")
    assert os.readlink(volume / "..data") == "..1"


def test_files_in_directories_and_modes(tmp_path: Path) -> None:
    files = Content((("d/e/f", File(b"x", 0o400)),))
    write_content(tmp_path / "v", files, "1")

    assert (tmp_path / "v" / "d" / "e" / "f").read_bytes() == b"x"
    assert (tmp_path / "v" / "..data" / "d" / "e" / "f").stat().st_mode & 0o777 == 0o400


def test_an_empty_directory_is_everybodys_and_made_once(tmp_path: Path) -> None:
    make_empty(tmp_path / "e", memory=False, size=0, group=None)
    (tmp_path / "e" / "kept").touch()
    make_empty(tmp_path / "e", memory=False, size=0, group=None)

    assert (tmp_path / "e").stat().st_mode & 0o777 == 0o777
    assert (tmp_path / "e" / "kept").exists()


def test_host_paths_are_checked_or_made(tmp_path: Path) -> None:
    check_host_path(str(tmp_path / "new" / "dir"), "DirectoryOrCreate")
    check_host_path(str(tmp_path / "new" / "file"), "FileOrCreate")
    check_host_path(str(tmp_path / "new" / "file"), "File")
    for path, kind in ((tmp_path / "none", ""), (tmp_path / "new" / "file", "Directory"), (tmp_path, "Socket")):
        with pytest.raises(NodeError, match="type check failed"):
            check_host_path(str(path), kind)
    with pytest.raises(NodeError, match="not absolute"):
        check_host_path("etc/x", "")
