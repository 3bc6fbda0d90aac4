"""Volumes as directories: written so that a reader never sees half of an update.

In: a `Content`. Out: a directory whose files are links through `..data`, which one rename switches to the new set.
Rules kept: an unchanged content touches nothing; a volume with secrets lies on the run directory, which is memory on
ordinary machines.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from lateen.adapters.node import syscalls
from lateen.adapters.node.namespaces import NodeError
from lateen.localcluster.volumes import Content

__all__ = ["check_host_path", "make_empty", "write_content"]


def write_content(directory: Path, content: Content, version: str, group: int | None = None) -> bool:
    """Make the volume's files what `content` says; `version` names the new set. True if something changed."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o755)
    current = directory / "..data"
    if current.is_symlink() and _same(current, content):
        return False
    fresh = directory / f"..{version}"
    shutil.rmtree(fresh, ignore_errors=True)
    _write_set(fresh, content, group)
    old = os.readlink(current) if current.is_symlink() else ""
    draft = directory / "..data_tmp"
    draft.unlink(missing_ok=True)
    draft.symlink_to(fresh.name)
    draft.replace(current)
    _link_names(directory, content)
    if old and old != fresh.name:
        shutil.rmtree(directory / old, ignore_errors=True)
    return True


def make_empty(directory: Path, *, memory: bool, size: int, group: int | None) -> None:
    """An emptyDir, on disk or in memory (`size` in bytes, 0 = half of the machine's memory).

    Having it already is no error.
    """
    if directory.exists():
        return
    directory.mkdir(parents=True)
    if memory:
        syscalls.mount(
            "tmpfs", str(directory), "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, f"size={size}" if size else ""
        )
    directory.chmod(0o777)
    if group is not None:
        os.chown(directory, -1, group)
        directory.chmod(0o2777)


def check_host_path(path: str, kind: str) -> None:
    """Make or check what a hostPath volume asks for. Raises `NodeError`."""
    place = Path(path)
    if not place.is_absolute():
        raise NodeError(f"hostPath {path!r} is not absolute")
    if kind == "DirectoryOrCreate":
        place.mkdir(parents=True, exist_ok=True)
    elif kind == "FileOrCreate" and not place.exists():
        place.touch()
    wanted = {
        "Directory": place.is_dir,
        "DirectoryOrCreate": place.is_dir,
        "File": place.is_file,
        "FileOrCreate": place.is_file,
        "Socket": place.is_socket,
        "CharDevice": place.is_char_device,
        "BlockDevice": place.is_block_device,
    }
    if not wanted.get(kind, place.exists)():
        raise NodeError(f"hostPath type check failed: {path} is not a {kind or 'file or directory'}")


def _same(current: Path, content: Content) -> bool:
    files = {str(path.relative_to(current)): path for path in current.rglob("*") if path.is_file()}
    if files.keys() != {name for name, _ in content.files}:
        return False
    return all(
        files[name].read_bytes() == file.data and files[name].stat().st_mode & 0o777 == file.mode & 0o777
        for name, file in content.files
    )


def _write_set(fresh: Path, content: Content, group: int | None) -> None:
    fresh.mkdir(mode=0o755)
    for name, file in content.files:
        path = fresh / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.data)
        path.chmod(file.mode | 0o040 if group is not None else file.mode)
        if group is not None:
            os.chown(path, -1, group)


def _link_names(directory: Path, content: Content) -> None:
    """Links at the top of the volume: one per first part of a path."""
    wanted = {name.partition("/")[0] for name, _ in content.files}
    for entry in list(directory.iterdir()):
        if not entry.name.startswith("..") and entry.name not in wanted:
            entry.unlink()
    for name in wanted:
        with contextlib.suppress(FileExistsError):
            (directory / name).symlink_to(f"..data/{name}")
