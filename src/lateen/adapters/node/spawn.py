"""Starting a program with chosen descriptors, and waiting for its end without a thread.

In: an argument list and open descriptors. Out: a process number; later its exit code. Rules kept: nothing is forked
(the child shares no Python state); only the descriptors handed over are open in the child; signal settings of this
process are not inherited.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
from collections.abc import Mapping, Sequence

__all__ = ["SAFE_ENV", "move_up", "spawn", "wait_for", "wait_until_over"]

SAFE_ENV = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
_FIRST_FREE = 100
_RESET = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP)


def move_up(handle: int) -> int:
    """The same file under a number above those that a child gets; `handle` is closed."""
    high = fcntl.fcntl(handle, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE)
    os.close(handle)
    return high


def spawn(path: str, argv: Sequence[str], handles: Sequence[int], env: Mapping[str, str] | None = None) -> int:
    """Start a program in a session of its own; `handles` (all above 100) become its descriptors 0, 1, 2, ..."""
    return os.posix_spawn(
        path,
        list(argv),
        dict(SAFE_ENV if env is None else env),
        file_actions=[(os.POSIX_SPAWN_DUP2, handle, number) for number, handle in enumerate(handles)],
        setsid=True,
        setsigdef=_RESET,
        setsigmask=(),
    )


async def wait_until_over(handle: int) -> None:
    """Wait until the process of a pidfd has ended."""
    loop = asyncio.get_running_loop()
    over = loop.create_future()

    def notice() -> None:
        if not over.done():
            over.set_result(None)

    loop.add_reader(handle, notice)
    try:
        await over
    finally:
        loop.remove_reader(handle)


async def wait_for(pid: int) -> int:
    """Wait for a child of this process; returns its exit code, 128 + signal if a signal ended it."""
    handle = os.pidfd_open(pid)
    try:
        await wait_until_over(handle)
    finally:
        os.close(handle)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])  # noqa: ASYNC222 - it has ended, this only collects
    return code if code >= 0 else 128 - code
