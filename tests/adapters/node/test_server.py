"""Logs and exec over the node agent's socket, as the API server asks for them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from lateen.adapters.node.meshnet import MeshNetwork
from lateen.adapters.node.server import NodeServer
from tests.adapters.node.pods import Node, node

pytestmark = pytest.mark.root

MANIFEST = """
metadata: {name: web}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: main
    image: x/x
    command: [sh, -c, 'for i in 1 2 3; do echo line $i; done; printf "a\\rb\\n" >&2; sleep 1000']
    env: [{name: COLOUR, value: blue}]
    securityContext: {runAsUser: 1337, runAsGroup: 1337}
"""


def play(work: Coroutine[None, None, None]) -> None:
    asyncio.run(work)


@asynccontextmanager
async def serving(mesh: MeshNetwork, run_dir: Path) -> AsyncIterator[tuple[Node, aiohttp.ClientSession]]:
    async with node(mesh, run_dir) as here:
        server = NodeServer(here.context, lambda _namespace, name: here.workers.get(name))
        await server.start(run_dir / "node.sock")
        assert (run_dir / "node.sock").stat().st_mode & 0o777 == 0o600
        async with aiohttp.ClientSession(
            "http://node", connector=aiohttp.UnixConnector(str(run_dir / "node.sock"))
        ) as client:
            here.run(MANIFEST)
            await here.api.until(lambda: here.ready("web"))
            yield here, client
        await server.close()


async def run(client: aiohttp.ClientSession, query: str, sent: list[bytes] | None = None) -> dict[int, bytes]:
    """Everything that came on each channel of an exec."""
    found: dict[int, bytes] = {}
    async with client.ws_connect(f"/exec/default/web/main?{query}", protocols=("v5.channel.k8s.io",)) as socket:
        for data in sent or ():
            await socket.send_bytes(data)
        async for message in socket:
            found[message.data[0]] = found.get(message.data[0], b"") + message.data[1:]
    return found


def test_exec_has_the_containers_user_variables_and_exit_code(mesh: MeshNetwork, run_dir: Path) -> None:
    async def work() -> None:
        async with serving(mesh, run_dir) as (_, client):
            script = "command=sh&command=-c&command=echo+$COLOUR+$(id+-u);+echo+no+>%262;+exit+3"
            found = await run(client, f"{script}&output=1&error=1")

            assert found[1] == b"blue 1337\n"
            assert found[2] == b"no\n"
            status = json.loads(found[3])
            assert status["details"]["causes"] == [{"reason": "ExitCode", "message": "3"}]

    play(work())


def test_input_reaches_the_command_and_its_end_too(mesh: MeshNetwork, run_dir: Path) -> None:
    async def work() -> None:
        async with serving(mesh, run_dir) as (_, client):
            found = await run(client, "command=cat&input=1&output=1", [b"\0hello", b"\xff\0"])

            assert found[1] == b"hello"
            assert json.loads(found[3])["status"] == "Success"

    play(work())


def test_a_terminal_has_a_name_and_a_size(mesh: MeshNetwork, run_dir: Path) -> None:
    async def work() -> None:
        async with serving(mesh, run_dir) as (_, client):
            size = b"\4" + json.dumps({"Width": 132, "Height": 43}).encode()
            script = "command=sh&command=-c&command=read+x;+tty;+stty+size"
            found = await run(client, f"{script}&input=1&output=1&tty=1", [size, b"\0go\n"])

            assert b"/dev/pts/0\r\n43 132\r\n" in found[1]

    play(work())


def test_a_command_that_is_missing_is_told(mesh: MeshNetwork, run_dir: Path) -> None:
    async def work() -> None:
        async with serving(mesh, run_dir) as (_, client):
            found = await run(client, "command=nosuchcommand&output=1&error=1")

            assert b"nosuchcommand" in found[2]
            assert json.loads(found[3])["details"]["causes"][0]["message"] == "127"

    play(work())


def test_a_command_that_looks_like_a_variable_is_not_one(mesh: MeshNetwork, run_dir: Path) -> None:
    async def work() -> None:
        async with serving(mesh, run_dir) as (_, client):
            found = await run(client, "command=A%3Db&command=true&output=1&error=1")

            assert "executable file not found" in json.loads(found[3])["message"]

    play(work())


def test_a_command_ends_with_its_clients_connection(mesh: MeshNetwork, run_dir: Path) -> None:
    async def work() -> None:
        async with serving(mesh, run_dir) as (here, client):
            async with client.ws_connect("/exec/default/web/main?command=sleep&command=777&output=1") as socket:
                await until(lambda: runs(here, "777"))
                await socket.close()
            await until(lambda: not runs(here, "777"))

    play(work())


def runs(here: Node, word: str) -> bool:
    """Whether a process of the container has that word in its command line."""
    for pid in here.context.cgroups.processes("uid-web", "main"):
        with contextlib.suppress(OSError):
            if word.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                return True
    return False


async def until(true: Callable[[], bool]) -> None:
    """Look at the kernel's own state until it is so; it tells nobody."""
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def text(client: aiohttp.ClientSession, query: str) -> tuple[int, str]:
    async with client.get(f"/containerLogs/default/web/main?{query}") as answer:
        return answer.status, await answer.text()


def test_logs_by_tail_by_limit_and_with_times(mesh: MeshNetwork, run_dir: Path) -> None:
    async def work() -> None:
        async with serving(mesh, run_dir) as (_, client):
            async with asyncio.timeout(5):
                while (await text(client, ""))[1].count("\n") < 4:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            whole = (await text(client, ""))[1]
            assert sorted(whole.splitlines(keepends=False)) == ["a\\rb", "line 1", "line 2", "line 3"], "no forged line"
            assert len((await text(client, "tailLines=2"))[1].splitlines()) == 2
            assert (await text(client, "limitBytes=4"))[1] == whole[:4]
            assert (await text(client, "timestamps=true"))[1].startswith("20")
            assert (await text(client, "sinceSeconds=600"))[1] == whole
            assert (await text(client, "tailLines=x"))[0] == 400
            status, why = await text(client, "previous=true")
            assert (status, "not found" in why) == (400, True)

    play(work())


def test_following_ends_with_the_container(mesh: MeshNetwork, run_dir: Path) -> None:
    async def work() -> None:
        path = "/containerLogs/default/web/main?follow=true"
        async with serving(mesh, run_dir) as (here, client), client.get(path) as answer:
            await answer.content.readuntil(b"line 3\n")
            here.delete("web", grace=0)
            async with asyncio.timeout(5):
                await answer.content.read()

    play(work())


async def attach(here: Node, client: aiohttp.ClientSession, manifest: str, sent: list[bytes], wanted: bytes) -> bytes:
    """What a client sees who attaches to a pod of his own, types, and waits for `wanted`."""
    here.run(manifest)
    await here.api.until(lambda: here.ready("own"))
    seen = b""
    path = "/attach/default/own/main?input=1&output=1&tty=1"
    async with client.ws_connect(path, protocols=("v5.channel.k8s.io",)) as socket:
        for data in sent:
            await socket.send_bytes(data)
        async with asyncio.timeout(5):
            async for message in socket:
                seen += message.data[1:]
                if wanted in seen:
                    break
    return seen


def test_a_container_with_a_terminal_is_typed_to(mesh: MeshNetwork, run_dir: Path) -> None:
    manifest = """
metadata: {name: own}
spec:
  containers:
  - {name: main, image: x/x, stdin: true, tty: true, command: [sh, -c, 'read x; echo "<$x>"; sleep 100']}
"""

    async def work() -> None:
        async with serving(mesh, run_dir) as (here, client):
            seen = await attach(here, client, manifest, [b"\0hello\n"], b"<hello>")
            assert b"hello\r\n" in seen, "a terminal echoes"
            await until(lambda: "<hello>" in here.log("own", "main"))

    play(work())


def test_a_container_with_input_gets_it_and_its_end(mesh: MeshNetwork, run_dir: Path) -> None:
    manifest = """
metadata: {name: own}
spec:
  restartPolicy: Never
  containers: [{name: main, image: x/x, stdin: true, stdinOnce: true, command: [sh, -c, 'cat; echo end']}]
"""

    async def work() -> None:
        async with serving(mesh, run_dir) as (here, client):
            seen = await attach(here, client, manifest, [b"\0hello\n", b"\xff\0"], b"end\n")
            assert seen == b"hello\nend\n"
            await here.api.until(lambda: here.phase("own") == "Succeeded")

    play(work())
