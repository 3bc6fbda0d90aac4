"""The input side of containers that asked for it (`stdin`, `tty`), for `kubectl run -it` and `kubectl attach`.

In: what a client types. Out: what the container's terminal shows, to every client and to the container's log. Rule:
this end lives in the node agent; when the agent dies, a container with a terminal is hung up, as when a line is cut,
and one with input sees its end.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import struct
import termios
from pathlib import Path

from lateen.adapters.node.streams import readable, write_all

__all__ = ["Console", "open_console"]

_CHUNK = 32 << 10
_WAITING = 64


class Console:
    """This end of a container's input, and of its output if it has a terminal.

    `child` are the descriptors for the container.
    """

    def __init__(self, handle: int, child: tuple[int, ...], *, terminal: bool) -> None:
        self._handle = handle
        self.child = child
        self.terminal = terminal
        self._clients: set[asyncio.Queue[bytes]] = set()

    async def write(self, data: bytes) -> None:
        """What a client typed; a container that does not read makes the client wait."""
        if self._handle >= 0:
            await write_all(self._handle, data)

    async def end_input(self) -> None:
        """The client's input has ended: a pipe is closed, a terminal gets its end-of-file character."""
        if self.terminal:
            await self.write(b"\x04")
        else:
            self.close()

    def resize(self, height: int, width: int) -> None:
        if self.terminal and self._handle >= 0:
            with contextlib.suppress(OSError):
                fcntl.ioctl(self._handle, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def subscribe(self) -> asyncio.Queue[bytes]:
        """What the terminal shows from now on; b"" is its end. A client that does not keep up misses parts."""
        queue: asyncio.Queue[bytes] = asyncio.Queue(_WAITING)
        self._clients.add(queue)
        return queue

    def unsubscribe(self, queue: asyncio.Queue[bytes]) -> None:
        self._clients.discard(queue)

    async def pump(self, raw: Path) -> None:
        """Take the terminal's output to the raw log and to all clients until the container has ended."""
        os.set_blocking(self._handle, False)
        with raw.open("ab", buffering=0) as log:
            while self._handle >= 0:
                await readable(self._handle)
                try:
                    data = os.read(self._handle, _CHUNK)
                except BlockingIOError:
                    continue
                except OSError:  # the last process on the terminal is gone
                    break
                log.write(data)
                self._show(data)
        self._show(b"")

    def close(self) -> None:
        if self._handle >= 0:
            handle, self._handle = self._handle, -1
            os.close(handle)

    def _show(self, data: bytes) -> None:
        for queue in self._clients:
            with contextlib.suppress(asyncio.QueueFull):
                queue.put_nowait(data)


def open_console(*, terminal: bool) -> Console:
    """A terminal, or a pipe for input only."""
    if terminal:
        master, slave = os.openpty()
        return Console(master, (slave, os.dup(slave), os.dup(slave)), terminal=True)
    reader, writer = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(writer, False)
    return Console(writer, (reader,), terminal=False)
