"""The system calls that Python 3.11 does not offer: namespaces, mounts and inotify.

In: plain numbers and paths. Out: nothing, or a file descriptor. Rule: a failing call raises `OSError` with the
kernel's errno and the call's arguments, so that no message ever reads just "Invalid argument".

Namespaces belong to a *thread*: call `unshare` and `setns` only from the fresh threads that `namespaces.in_thread`
makes.
"""

from __future__ import annotations

import ctypes
import os
import struct

CLONE_NEWNS = 0x00020000
CLONE_FS = 0x00000200
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
MNT_DETACH = 2

IN_MODIFY = 0x2
IN_CLOSE_WRITE = 0x8
IN_NONBLOCK = os.O_NONBLOCK
IN_CLOEXEC = os.O_CLOEXEC
INOTIFY_EVENT = struct.Struct("iIII")

_FALLOC_KEEP_SIZE_PUNCH_HOLE = 0x1 | 0x2
_AT_FDCWD = -100
_AT_RECURSIVE = 0x8000
_SYS_MOUNT_SETATTR = 442
_MOUNT_ATTR_RDONLY = 0x1
_MOUNT_ATTR_NOSUID = 0x2
_MOUNT_ATTR_NODEV = 0x4

_libc = ctypes.CDLL(None, use_errno=True)
_libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
_libc.mount.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p]


def _done(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def unshare(flags: int) -> None:
    """Move the calling thread into new namespaces."""
    _done(_libc.unshare(ctypes.c_int(flags)), f"unshare {flags:#x}")


def setns(path: str, flags: int) -> None:
    """Move the calling thread into the namespace that the file at `path` stands for."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _done(_libc.setns(ctypes.c_int(handle), ctypes.c_int(flags)), f"setns {path}")
    finally:
        os.close(handle)


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """mount(2); empty strings stand for null."""
    result = _libc.mount(source.encode() or None, target.encode(), kind.encode() or None, flags, data.encode() or None)
    _done(result, f"mount {kind or 'bind'} {source} on {target}")


def umount(target: str, flags: int = MNT_DETACH) -> None:
    """umount2(2), by default detaching what is still busy."""
    _done(_libc.umount2(target.encode(), ctypes.c_int(flags)), f"umount {target}")


def pivot_root(new_root: str, put_old: str) -> None:
    """Make `new_root` the root of the calling thread's mount namespace."""
    number = {"x86_64": 155, "aarch64": 41}[os.uname().machine]
    _done(_libc.syscall(ctypes.c_long(number), new_root.encode(), put_old.encode()), f"pivot_root {new_root}")


def set_mount_flags(target: str, *, read_only: bool, devices: bool = False, recursive: bool = True) -> None:
    """Set nosuid, nodev and read-only on a mount and every mount below it (Linux 5.12; older: this one mount
    only).
    """
    attributes = _MOUNT_ATTR_NOSUID | (_MOUNT_ATTR_RDONLY if read_only else 0) | (0 if devices else _MOUNT_ATTR_NODEV)
    value = struct.pack("QQQQ", attributes, 0, 0, 0)
    result = _libc.syscall(
        ctypes.c_long(_SYS_MOUNT_SETATTR),
        ctypes.c_int(_AT_FDCWD),
        target.encode(),
        ctypes.c_uint(_AT_RECURSIVE if recursive else 0),
        value,
        ctypes.c_size_t(len(value)),
    )
    if result < 0:
        flags = MS_BIND | MS_REMOUNT | MS_NOSUID | (MS_RDONLY if read_only else 0)
        mount("", target, "", flags)


def set_hostname(name: str) -> None:
    """Name the calling thread's UTS namespace."""
    raw = name.encode()
    _done(_libc.sethostname(raw, ctypes.c_size_t(len(raw))), f"sethostname {name}")


def punch_hole(descriptor: int, offset: int, length: int) -> None:
    """Give a file's range back to the disk without changing the file's size; writers that append are not disturbed."""
    result = _libc.fallocate(descriptor, _FALLOC_KEEP_SIZE_PUNCH_HOLE, offset, length)
    _done(result, f"punch a hole of {length} bytes at {offset}")


def inotify_init() -> int:
    """A non-blocking inotify descriptor."""
    return _done(_libc.inotify_init1(ctypes.c_int(IN_NONBLOCK | IN_CLOEXEC)), "inotify_init1")


def inotify_add(descriptor: int, path: str, mask: int) -> int:
    """Watch `path`; returns the watch's number."""
    return _done(
        _libc.inotify_add_watch(ctypes.c_int(descriptor), path.encode(), ctypes.c_uint32(mask)), f"watch {path}"
    )


def inotify_remove(descriptor: int, watch: int) -> None:
    """Forget a watch; one that went away with its file is no error."""
    _libc.inotify_rm_watch(ctypes.c_int(descriptor), ctypes.c_int(watch))
