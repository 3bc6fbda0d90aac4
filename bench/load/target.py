"""The control plane under test: the real process, and the real Envoy in front of it.

In: the URL of an API server. Out: running processes, and where they listen. Rule: they are started as the pod `istiod`
starts them, but on free ports of the loopback.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import msgspec

from bench.load.proxies import Address
from lateen.controlplane import front

ENVOY = Path(sys.executable).with_name("envoy")
START = 120.0
"""Seconds that a start may take: loading a large world is part of it."""


class TargetError(Exception):
    """The control plane could not be started; the message ends with its log."""


@dataclass(frozen=True)
class Target:
    """What runs: process ids, and addresses of the front, of the socket behind it and of the metrics page."""

    pid: int
    front_pid: int
    front: Address
    behind: Address
    metrics: str


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.asynccontextmanager
async def running(server: str, directory: Path, logs: Path, profile: str = "") -> AsyncIterator[Target]:
    """Start both; `profile`: where a cProfile of the control plane is written when it ends."""
    kubeconfig = directory / "kubeconfig"
    kubeconfig.write_text(_kubeconfig(server))
    monitoring, public = free_port(), free_port()
    arguments = ["-m", "bench.load.plane", str(kubeconfig), str(directory), str(monitoring)]
    async with (
        _process(logs / "plane.log", sys.executable, *arguments, *([profile] if profile else [])) as plane,
        _ready(f"http://127.0.0.1:{monitoring}", plane, logs / "plane.log") as metrics,
    ):
        bootstrap = directory / "envoy.json"
        bootstrap.write_text(json.dumps(_on_port(json.loads((directory / front.BOOTSTRAP).read_bytes()), public)))
        flags = ("-c", str(bootstrap), "--concurrency", "2", "--disable-hot-restart", "-l", "warning")
        async with _process(logs / "front.log", str(ENVOY), *flags) as envoy:
            await _listening(public)
            behind = Address(f"unix:{directory / front.SOCKET}", tls=False)
            yield Target(plane.pid, envoy.pid, Address(f"127.0.0.1:{public}", tls=True), behind, metrics)


@contextlib.asynccontextmanager
async def _process(log: Path, *command: str) -> AsyncIterator[asyncio.subprocess.Process]:
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(*command, stdout=out, stderr=out)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            await process.wait()


@contextlib.asynccontextmanager
async def _ready(url: str, process: asyncio.subprocess.Process, log: Path) -> AsyncIterator[str]:
    async with aiohttp.ClientSession() as session, asyncio.timeout(START):
        while not await _answers(session, f"{url}/ready"):
            if process.returncode is not None:
                raise TargetError(f"the control plane ended with {process.returncode}:\n{_end_of(log)}")
            await asyncio.sleep(0.05)
    yield f"{url}/metrics"


def _end_of(log: Path) -> str:
    return log.read_text()[-4000:]


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False


async def _listening(port: int) -> None:
    async with asyncio.timeout(START):
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.05)


def _on_port(bootstrap: dict[str, object], port: int) -> dict[str, object]:
    """The front's own configuration, on another port of the loopback."""
    text = msgspec.json.encode(bootstrap).decode()
    return json.loads(  # type: ignore[no-any-return]
        text.replace('"address":"0.0.0.0"', '"address":"127.0.0.1"').replace(
            f'"port_value":{front.PORT}', f'"port_value":{port}'
        )
    )


def _kubeconfig(server: str) -> str:
    return msgspec.yaml.encode(
        {
            "clusters": [{"name": "load", "cluster": {"server": server}}],
            "users": [{"name": "load", "user": {"token": "load"}}],
            "contexts": [{"name": "load", "context": {"cluster": "load", "user": "load"}}],
            "current-context": "load",
        }
    ).decode()
