"""Carrying out a container's root plan in the calling thread's new mount namespace.

In: `Step`s of `localcluster.pods_root`. Out: a thread whose root is the container's. Rules kept: every target is
resolved by the kernel *inside* the new root (openat2, RESOLVE_IN_ROOT) and every subPath inside its volume
(RESOLVE_BENEATH), so a link planted in a volume can lead nowhere else; nothing is mounted in this machine's own mount
namespace.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import posixpath
import stat
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

from lateen.adapters.node import syscalls
from lateen.adapters.node.namespaces import NodeError
from lateen.localcluster.pods_root import Machine, Step

__all__ = ["build_root", "look_at_machine", "make_beneath"]

_SYS_OPENAT2 = 437
_RESOLVE_NO_MAGICLINKS, _RESOLVE_BENEATH, _RESOLVE_IN_ROOT = 0x02, 0x08, 0x10
_libc = ctypes.CDLL(None, use_errno=True)
_OLD = "/.lateen/machine"
_UNSAFE = syscalls.MS_NOSUID | syscalls.MS_NODEV


def look_at_machine(init: str) -> Machine:
    """This machine's root as the plans need it; `init` is the path of the native init."""
    top = tuple(sorted((entry.name, _link(Path(entry.path))) for entry in os.scandir("/") if _is_directory(entry)))
    return Machine(top=top, etc=frozenset(os.listdir("/etc")), init=os.path.realpath(init))


def make_beneath(volume: Path, inside: str, *, create: bool) -> str:
    """The path of `inside` a volume, made as a directory where missing; a path that leads out of it is a
    `NodeError`.
    """
    clean = posixpath.normpath(inside)
    if clean.startswith(("/", "..")):
        raise NodeError(f"subPath {inside[:80]!r} must stay inside its volume")
    root = os.open(volume, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with _opened(root, clean, make="dir" if create else ""):
            return f"{volume}/{clean}"
    except OSError as error:
        raise NodeError(f"subPath {inside[:80]!r}: {error.strerror}") from error
    finally:
        os.close(root)


def build_root(base: str, steps: Iterable[Step]) -> None:
    """Make the root at `base` (an existing directory) and enter it, in a thread that has a mount namespace of its
    own.
    """
    syscalls.mount("", "/", flags=syscalls.MS_REC | syscalls.MS_PRIVATE)
    syscalls.mount("tmpfs", base, "tmpfs", _UNSAFE, "mode=0755")
    os.makedirs(f"{base}{_OLD}", mode=0o700)
    root = os.open(base, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for step in steps:
            try:
                _take(root, base, step)
            except OSError as error:
                raise NodeError(f"cannot prepare {step.target} in the container: {error}") from error
    finally:
        os.close(root)
    _enter(base)


def _take(root: int, base: str, step: Step) -> None:
    match step.what:
        case "dir" | "link" | "file":
            _make(root, step)
        case "bind":
            _bind(root, step)
            _seal(root, step)
        case "mount":
            _bind(root, step)
        case "seal":
            _seal(root, step)
        case "overlay":
            _overlay(root, base, step)
        case "read-only":
            flags = syscalls.MS_BIND | syscalls.MS_REMOUNT | syscalls.MS_RDONLY | _UNSAFE
            syscalls.mount("", base, flags=flags)
        case _:
            with _opened(root, step.target, make="dir") as path:
                _mount_kind(step, path)


def _make(root: int, step: Step) -> None:
    if step.what == "dir":
        with _opened(root, step.target, make="dir") as path:
            os.chmod(path, step.mode)
    elif step.what == "link":
        with _opened(root, posixpath.dirname(step.target), make="dir") as path:
            os.symlink(step.source, f"{path}/{posixpath.basename(step.target)}")
    else:
        _write_file(root, step)


def _mount_kind(step: Step, path: str) -> None:
    flags = _UNSAFE | syscalls.MS_NOEXEC
    if step.what == "devpts":
        syscalls.mount(
            "devpts", path, "devpts", syscalls.MS_NOSUID | syscalls.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620"
        )
    elif step.what == "sysfs":
        syscalls.mount("sysfs", path, "sysfs", flags | (syscalls.MS_RDONLY if step.read_only else 0))
    else:
        syscalls.mount("tmpfs", path, "tmpfs", _UNSAFE, step.options)


def _bind(root: int, step: Step) -> None:
    with _source(step) as source:
        make = "dir" if stat.S_ISDIR(os.stat(source).st_mode) else "file"
        with _opened(root, step.target, make=make) as path:
            syscalls.mount(source, path, flags=syscalls.MS_BIND | syscalls.MS_REC)


def _seal(root: int, step: Step) -> None:
    """Take rights from what is mounted: device nodes and set-uid programs, and writing if asked."""
    with _opened(root, step.target, make="") as path:
        devices = stat.S_ISCHR(os.stat(path).st_mode)
        recursive = step.options != "alone"
        syscalls.set_mount_flags(path, read_only=step.read_only, devices=devices, recursive=recursive)


def _overlay(root: int, base: str, step: Step) -> None:
    """Lay a small writable layer over a directory of the machine, so that mount points can be made in it."""
    store = f"{base}/.lateen/overlay{step.target}"
    for part in ("upper", "work"):
        os.makedirs(f"{store}/{part}", mode=0o755)
    with _opened(root, step.target, make="dir") as path:
        options = f"lowerdir={step.source},upperdir={store}/upper,workdir={store}/work"
        syscalls.mount("overlay", path, "overlay", _UNSAFE, options)


def _write_file(root: int, step: Step) -> None:
    with _opened(root, step.target, make="file") as path:
        descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
    with os.fdopen(descriptor, "w") as file:
        file.write(step.source)
        os.fchmod(file.fileno(), step.mode)


def _enter(base: str) -> None:
    """Make `base` the root and let go of the machine's own."""
    os.chdir(base)
    syscalls.pivot_root(base, f"{base}{_OLD}")
    os.chdir("/")
    syscalls.umount(_OLD)


@contextlib.contextmanager
def _source(step: Step) -> Iterator[str]:
    if not step.within:
        yield step.source
        return
    volume = os.open(step.within, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        inside = posixpath.relpath(step.source, step.within)
        handle = _openat2(volume, inside, _RESOLVE_BENEATH | _RESOLVE_NO_MAGICLINKS)
    finally:
        os.close(volume)
    try:
        yield _path_of(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _opened(root: int, path: str, *, make: str) -> Iterator[str]:
    """A path that stands for `path` inside the root, made as "dir" or "file" where missing."""
    parts = [part for part in posixpath.normpath(path).split("/") if part]
    handle = _openat2(root, ".", _RESOLVE_IN_ROOT)
    for number in range(len(parts)):
        last = number == len(parts) - 1
        step = _open_or_make(root, handle, parts[: number + 1], make if last else "dir")
        os.close(handle)
        handle = step
    try:
        yield _path_of(handle)
    finally:
        os.close(handle)


def _open_or_make(root: int, parent: int, parts: list[str], make: str) -> int:
    inside = "/".join(parts)
    try:
        return _openat2(root, inside, _RESOLVE_IN_ROOT)
    except FileNotFoundError:
        if not make:
            raise
    if make == "dir":
        os.mkdir(parts[-1], 0o755, dir_fd=parent)
    else:
        os.close(os.open(parts[-1], os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o644, dir_fd=parent))
    return _openat2(root, inside, _RESOLVE_IN_ROOT)


def _openat2(directory: int, path: str, resolve: int) -> int:
    how = struct.pack("QQQ", os.O_PATH | os.O_CLOEXEC, 0, resolve)
    result: int = _libc.syscall(
        ctypes.c_long(_SYS_OPENAT2), ctypes.c_int(directory), path.encode(), how, ctypes.c_size_t(len(how))
    )
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
    return result


def _path_of(handle: int) -> str:
    """A path by which mount(2) reaches an open file: descriptors belong to the process, so any thread's name of it
    does.
    """
    return f"/proc/self/fd/{handle}"


def _link(path: Path) -> str:
    return os.readlink(path) if path.is_symlink() else ""


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
