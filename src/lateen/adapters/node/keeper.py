"""Sockets that outlive the node agent.

While the node agent is away, the kernel goes on queueing what arrives at a socket, as long as somebody holds it: then
a question to the name server is answered a second later instead of being refused. In: open sockets. Out: a native
process that does nothing but hold them, and, for the next node agent, the very same sockets. Rule: the holder is
known by its record (number and start time), so the clean-up ends it; a holder that has died is replaced.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

from lateen.adapters.node.namespaces import NodeError
from lateen.adapters.node.processes import ProcessRecord, is_alive, read_record, record_of, write_record
from lateen.adapters.node.spawn import move_up, spawn

__all__ = ["keep_or_take_back"]

_SYS_PIDFD_GETFD = 438
_FIRST = 3
_libc = ctypes.CDLL(None, use_errno=True)


def keep_or_take_back(record: Path, make: Callable[[], Sequence[socket.socket]], count: int) -> list[socket.socket]:
    """The `count` sockets that the holder of `record` keeps, or new ones from `make`, which a new holder keeps from
    now on.
    """
    holder = read_record(record)
    if holder is not None and is_alive(holder):
        return _take_back(holder, count)
    made = list(make())
    _hold(record, made)
    return made


def _hold(record: Path, sockets: Sequence[socket.socket]) -> None:
    sleep = shutil.which("sleep")
    if sleep is None:
        raise NodeError("sleep is not installed; install it with: apt-get install coreutils")
    null = [move_up(os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)) for _ in range(_FIRST)]
    handles = null + [move_up(os.dup(item.fileno())) for item in sockets]
    try:
        pid = spawn(sleep, ["lateen-socket-holder", "infinity"], handles)
    finally:
        for handle in handles:
            os.close(handle)
    write_record(record, record_of(pid, "holder of sockets"))


def _take_back(holder: ProcessRecord, count: int) -> list[socket.socket]:
    handle = os.pidfd_open(holder.pid)
    try:
        return [socket.socket(fileno=_pidfd_getfd(handle, number)) for number in range(_FIRST, _FIRST + count)]
    finally:
        os.close(handle)


def _pidfd_getfd(process: int, number: int) -> int:
    """A descriptor of another process as one of ours (Linux 5.6)."""
    result: int = _libc.syscall(
        ctypes.c_long(_SYS_PIDFD_GETFD), ctypes.c_int(process), ctypes.c_int(number), ctypes.c_uint(0)
    )
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"take back socket {number}: {os.strerror(error)}")
    os.set_inheritable(result, False)
    return result
