"""Ports of this machine's loopback that lead to Services of the mesh.

In: (address, port) pairs and where each leads now. Out: listening sockets, connections carried both ways. Rules kept:
only loopback addresses are bound unless the mesh's owner named another; a port that is taken is told once, with what
to do, and tried again; nothing else stops.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

import msgspec

from lateen.adapters.clock import Clock
from lateen.adapters.tasks import Tasks

__all__ = ["Forward", "HostPorts"]

log = logging.getLogger(__name__)
_RETRY = 5.0
_CHUNK = 64 << 10
_MOST = 1024
Target = Callable[[], tuple[str, int] | None]


class Forward(msgspec.Struct, frozen=True):
    """A port of this machine; `what` names the Service for messages."""

    address: str
    port: int
    what: str


class HostPorts:
    """All forwards of a mesh."""

    def __init__(self, tasks: Tasks, clock: Clock) -> None:
        self._tasks = tasks
        self._clock = clock
        self._open = 0
        self._servers: list[asyncio.Server] = []
        self.problems: dict[str, str] = {}

    def start(self, forward: Forward, target: Target) -> None:
        """Serve a port for as long as the mesh runs."""
        self._tasks.start(self._serve(forward, target), f"host port {forward.port}")

    def close(self) -> None:
        for server in self._servers:
            server.close()

    async def _serve(self, forward: Forward, target: Target) -> None:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._carry(target(), reader, writer)

        while True:
            try:
                server = await asyncio.start_server(connected, forward.address, forward.port)
            except OSError as error:
                self._tell(forward, error)
                await self._clock.sleep(_RETRY)
                continue
            self.problems.pop(f"{forward.address}:{forward.port}", None)
            self._servers.append(server)
            return

    def _tell(self, forward: Forward, error: OSError) -> None:
        place = f"{forward.address}:{forward.port}"
        cure = "stop what uses it or choose another port"
        text = f"port {place} for {forward.what} cannot be used ({error.strerror}); {cure}"
        if self.problems.get(place) != text:
            self.problems[place] = text
            log.error("%s", text)

    async def _carry(
        self, place: tuple[str, int] | None, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if place is None or self._open >= _MOST:
            writer.transport.abort()
            return
        self._open += 1
        try:
            there, out = await asyncio.open_connection(*place)
            try:
                await asyncio.gather(_copy(reader, out), _copy(there, writer))
            finally:
                out.close()
        except OSError as error:
            log.debug("a forwarded connection ended: %s", error)
        finally:
            self._open -= 1
            writer.close()


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(_CHUNK):
            sink.write(data)
            await sink.drain()
    finally:
        with contextlib.suppress(OSError, RuntimeError):
            if sink.can_write_eof():
                sink.write_eof()
