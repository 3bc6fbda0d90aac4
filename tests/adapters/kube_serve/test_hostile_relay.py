"""Pods that answer a proxied request with malice, and clients that send one (hostile input 60)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from lateen.adapters.kube_serve import answers
from lateen.adapters.kube_serve.listeners import Handler
from lateen.adapters.kube_serve.relay import Relay
from lateen.localcluster.errors import ApiError

POD_ADDRESS = "127.7.0.1"  # stands for a pod; nothing else of this machine is in 127.7.0.0/16
HANGS_UP = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
REDIRECT = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/secret\r\nContent-Length: 0\r\n\r\n"


class BadPod:
    """Answers every connection with the same bytes and remembers what it was sent."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.requests: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.requests.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(self.answer)
        await writer.drain()
        writer.close()


def pod_object(address: str = POD_ADDRESS) -> dict[str, Any]:
    return {"metadata": {"name": "p", "namespace": "n"}, "spec": {"containers": []}, "status": {"podIP": address}}


@asynccontextmanager
async def serving(handle: Handler) -> AsyncIterator[str]:
    """The address of a server with this handler."""
    runner = web.ServerRunner(web.Server(handle, access_log=None))
    await runner.setup()
    listening = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, listening).start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    await runner.cleanup()


@asynccontextmanager
async def relaying(answer: bytes) -> AsyncIterator[tuple[str, BadPod]]:
    """The address of a server that relays everything to a bad pod."""
    relay, bad = Relay("/nowhere", "127.7.0.0/16"), BadPod(answer)
    pods = await asyncio.start_server(bad.serve, POD_ADDRESS, 0)
    port = pods.sockets[0].getsockname()[1]

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await relay.proxy(request, pod_object(), str(port), ("x",))
        except ApiError as error:
            return answers.refused(error)

    async with serving(handle) as url:
        yield url, bad
    await relay.close()
    pods.close()
    await pods.wait_closed()


async def raw(url: str, request: bytes) -> bytes:
    """Everything that comes back for these bytes until the server closes."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    try:
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


GET = b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"


def test_G60_a_redirect_is_passed_on_and_never_followed() -> None:
    async def work() -> None:
        async with relaying(REDIRECT) as (url, bad):
            answer = await raw(url, GET + b"\r\n")
            assert answer.startswith(b"HTTP/1.1 302 ")
            assert len(bad.requests) == 1

    asyncio.run(work())


def test_G60_credentials_upgrades_and_hops_stay_here() -> None:
    headers = (
        b"Authorization: Bearer secret\r\nCookie: a=secret\r\nImpersonate-User: secret\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Key: x\r\nProxy-Authorization: secret\r\nExpect: 100-continue\r\nTE: trailers\r\n"
        b"X-Mine: kept\r\n"
    )

    async def work() -> None:
        async with relaying(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") as (url, bad):
            await raw(url, GET + headers + b"\r\n")
            (request,) = bad.requests
            assert b"secret" not in request
            assert b"X-Mine: kept" in request
            lowered = request.lower()
            assert not [word for word in (b"upgrade", b"expect", b"\r\nte:") if word in lowered]

    asyncio.run(work())


def test_G60_a_pod_cannot_switch_protocols_behind_the_server() -> None:
    """A 101 that nobody asked for would make later requests on the connection the pod's own."""

    async def work() -> None:
        async with relaying(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n") as (
            url,
            _,
        ):
            answer = await raw(url, GET + b"\r\n")
            assert answer.startswith(b"HTTP/1.1 503 ")

    asyncio.run(work())


@pytest.mark.parametrize(
    "answer",
    [
        HANGS_UP,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nNOT A SIZE\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
    ],
)
def test_G60_a_body_that_breaks_off_is_one_broken_answer_not_two(answer: bytes) -> None:
    async def work() -> None:
        async with relaying(answer) as (url, _):
            got = await raw(url, GET + b"\r\n")
            assert got.count(b"HTTP/1.1 ") == 1
            assert not got.endswith(b"0\r\n\r\n"), "a whole answer would be a lie"

    asyncio.run(work())


@pytest.mark.parametrize(
    "answer",
    [b"", b"\x16\x03\x01 tls", b"HTTP/1.1 200 OK\r\nA: " + b"x" * 100_000 + b"\r\n\r\n", b"HTTP/9.9 zzz\r\n\r\n"],
    ids=["nothing", "no http", "huge header", "no status"],
)
def test_G60_an_answer_that_is_none_is_the_pods_fault_and_says_so(answer: bytes) -> None:
    async def work() -> None:
        async with relaying(answer) as (url, _):
            got = await raw(url, GET + b"\r\n")
            assert got.startswith(b"HTTP/1.1 503 ")
            assert b"error trying to reach pod p" in got

    asyncio.run(work())


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_G60_answers_without_a_body_have_none(status: bytes) -> None:
    async def work() -> None:
        async with relaying(b"HTTP/1.1 " + status + b"\r\n\r\n") as (url, _):
            got = await raw(url, GET + b"\r\n")
            assert got.startswith(b"HTTP/1.1 " + status)
            assert got.endswith(b"\r\n\r\n")
            assert b"0\r\n\r\n" not in got

    asyncio.run(work())


@pytest.mark.parametrize(
    "address",
    ["", "x", "::1", "127.0.0.1", "169.254.169.254", "127.7.0.1%lo", "127.7.0.1/8", "0", "127.7.1", "٣.1.1.1"],
)
def test_G60_an_address_that_is_no_pods_is_never_called(address: str) -> None:
    async def work() -> None:
        relay = Relay("/nowhere", "127.7.0.0/16")
        with pytest.raises(ApiError, match="has no address of its own") as refused:
            await relay.proxy(None, pod_object(address), "80", ())  # type: ignore[arg-type]
        assert refused.value.code == 503

    asyncio.run(work())


@pytest.mark.parametrize("port", ["0", "65536", "-1", "²", "80x", "http", "9" * 5000, "80@127.0.0.1"])
def test_G60_a_port_is_a_number_or_a_name_of_the_pod(port: str) -> None:
    async def work() -> None:
        with pytest.raises(ApiError) as refused:
            await Relay("/nowhere", "127.7.0.0/16").proxy(None, pod_object(), port, ())  # type: ignore[arg-type]
        assert refused.value.code == 404

    asyncio.run(work())


def test_G60_a_node_agent_that_dies_during_a_log_ends_the_log(tmp_path: Any) -> None:
    """The client sees a broken stream, never a second answer inside the first."""

    async def work() -> None:
        path = str(tmp_path / "node.sock")
        bad = BadPod(HANGS_UP)
        node = await asyncio.start_unix_server(bad.serve, path)
        relay = Relay(path, "127.7.0.0/16")
        pod = {**pod_object(), "spec": {"nodeName": "n", "containers": [{"name": "c"}]}}

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            try:
                return await relay.logs(request, pod)
            except ApiError as error:
                return answers.refused(error)

        async with serving(handle) as url:
            got = await raw(url, GET + b"\r\n")
        assert got.count(b"HTTP/1.1 ") == 1
        assert not got.endswith(b"0\r\n\r\n")
        await relay.close()
        node.close()

    asyncio.run(work())
