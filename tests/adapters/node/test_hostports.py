"""Ports of this machine that lead into the mesh."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest

from lateen.adapters.clock import SYSTEM
from lateen.adapters.node.hostports import Forward, HostPorts
from lateen.adapters.tasks import Tasks


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect as soon as the port is served."""
    async with asyncio.timeout(5):
        while True:
            try:
                return await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.01)


def test_bytes_are_carried_both_ways_until_the_end() -> None:
    async def work() -> None:
        async def upper(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write((await reader.read()).upper())
            writer.close()

        behind = await asyncio.start_server(upper, "127.0.0.1", 0)
        target = behind.sockets[0].getsockname()
        port = free_port()
        async with behind, Tasks() as tasks:
            ports = HostPorts(tasks, SYSTEM)
            ports.start(Forward("127.0.0.1", port, "service a/b"), lambda: target)
            reader, writer = await connect(port)
            writer.write(b"hello")
            writer.write_eof()
            assert await reader.read() == b"HELLO"
            writer.close()
            await writer.wait_closed()
            ports.close()

    asyncio.run(work())


def test_a_service_that_does_not_exist_yet_refuses() -> None:
    async def work() -> None:
        port = free_port()
        async with Tasks() as tasks:
            ports = HostPorts(tasks, SYSTEM)
            ports.start(Forward("127.0.0.1", port, "service a/b"), lambda: None)
            reader, writer = await connect(port)
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""
            writer.close()
            with contextlib.suppress(ConnectionResetError):
                await writer.wait_closed()
            ports.close()

    asyncio.run(work())


def test_a_taken_port_is_told_once_with_what_to_do(caplog: pytest.LogCaptureFixture) -> None:
    class Impatient:
        waits = 0

        def now(self) -> float:
            return 0.0

        def monotonic(self) -> float:
            return 0.0

        async def sleep(self, seconds: float) -> None:
            self.waits += 1
            await asyncio.sleep(0)

    async def work() -> None:
        clock = Impatient()
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            async with Tasks() as tasks:
                ports = HostPorts(tasks, clock)
                ports.start(Forward("127.0.0.1", port, "service a/b"), lambda: None)
                async with asyncio.timeout(5):
                    while clock.waits < 3:  # noqa: ASYNC110 - the loop under test waits on nothing else
                        await asyncio.sleep(0.01)
                assert "choose another port" in ports.problems[f"127.0.0.1:{port}"]
        assert caplog.text.count("cannot be used") == 1

    asyncio.run(work())
