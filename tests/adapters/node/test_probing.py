"""Probes against small servers on the loopback."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from lateen.adapters.node.probing import ask
from lateen.localcluster.pods import Container, ExecAction, GrpcAction, HttpGet, HttpHeader, Probe, TcpSocket
from lateen.localcluster.probes import Outcome

CONTAINER = Container(name="c")
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def nothing(_command: tuple[str, ...], _timeout: float) -> Outcome:
    raise AssertionError("no command was asked for")


@asynccontextmanager
async def server(answer: bytes, seen: list[bytes] | None, *, silent: bool) -> AsyncIterator[int]:
    """Reads once, answers and closes; a silent one keeps the connection without a word."""
    open_ones: list[asyncio.StreamWriter] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ones.append(writer)
        data = await reader.read(4096)
        if seen is not None:
            seen.append(data)
        if not silent:
            writer.write(answer)
            writer.close()

    listening = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]
        for writer in open_ones:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


def outcome(
    probe: Callable[[int], Probe], answer: bytes, seen: list[bytes] | None = None, *, silent: bool = False
) -> Outcome:
    async def work() -> Outcome:
        async with server(answer, seen, silent=silent) as port:
            return await ask(probe(port), CONTAINER, "127.0.0.1", nothing)

    return asyncio.run(work())


def http(port: int) -> Probe:
    headers = (
        HttpHeader(name="X-A", value="1"),
        HttpHeader(name="Host", value="h"),
        HttpHeader(name="Evil", value="a\r\nB: c"),
    )
    return Probe(http_get=HttpGet(port=port, path="/ready?x=1 2", http_headers=headers))


@pytest.mark.parametrize(("status", "good"), [(200, True), (302, True), (399, True), (400, False), (503, False)])
def test_http_by_status(status: int, good: bool) -> None:
    assert outcome(http, b"HTTP/1.1 %d x\r\n\r\n" % status).ok is good


def test_the_http_request_has_the_manifests_headers_and_no_forged_ones() -> None:
    seen: list[bytes] = []
    outcome(http, b"HTTP/1.1 200 OK\r\n\r\n", seen)
    text = seen[0].decode()

    assert text.startswith("GET /ready?x=1%202 HTTP/1.1\r\n")
    assert "X-A: 1\r\n" in text
    assert "Host: h\r\n" in text
    assert "B: c" not in text


@pytest.mark.parametrize("answer", [b"", b"garbage\r\n", b"x" * 200_000, b"HTTP/1.1 abc\r\n\r\n"])
def test_what_is_no_http_answer_is_bad(answer: bytes) -> None:
    assert not outcome(http, answer).ok


def test_tcp_and_a_closed_port() -> None:
    assert outcome(lambda port: Probe(tcp_socket=TcpSocket(port=port)), b"").ok
    closed = asyncio.run(ask(Probe(tcp_socket=TcpSocket(port=1)), CONTAINER, "127.0.0.1", nothing))
    assert closed == Outcome(False, "127.0.0.1: connection refused")


def test_a_server_that_says_nothing_is_given_up() -> None:
    found = outcome(lambda port: Probe(http_get=HttpGet(port=port), timeout_seconds=1), b"", silent=True)

    assert (found.ok, "no answer within 1 s" in found.message) == (False, True)


def frame(kind: int, flags: int, payload: bytes, stream: int = 1) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def health(status: int) -> bytes:
    message = bytes((8, status)) if status else b""
    body = b"\0" + len(message).to_bytes(4, "big") + message
    return frame(4, 0, b"", 0) + frame(1, 4, b"\x88") + frame(0, 0, body) + frame(1, 5, b"\x88")


def grpc(port: int) -> Probe:
    return Probe(grpc=GrpcAction(port=port, service="my.Service"))


@pytest.mark.parametrize(
    ("answer", "good", "words"),
    [
        (health(1), True, ""),
        (health(2), False, "NOT_SERVING"),
        (health(0), False, "UNKNOWN"),
        (frame(4, 0, b"", 0) + frame(1, 5, b"\x88"), False, "does not answer gRPC health checks"),
        (frame(7, 0, b"\0" * 8, 0), False, "does not answer gRPC health checks"),
        (b"\xff\xff\xff\0\0\0\0\0\0", False, "too large"),
        (b"HTTP/1.1 400 Bad\r\n\r\n", False, ""),
        (b"", False, "closed without"),
    ],
)
def test_grpc_health(answer: bytes, good: bool, words: str) -> None:
    found = outcome(grpc, answer)

    assert found.ok is good
    assert words in found.message


def test_the_grpc_request_names_the_service() -> None:
    seen: list[bytes] = []
    outcome(grpc, health(1), seen)

    assert seen[0].startswith(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    assert b"/grpc.health.v1.Health/Check" in seen[0]
    assert seen[0].endswith(b"\0\0\0\0\x0c\x0a\x0amy.Service")


def test_a_command_is_given_to_whoever_runs_it() -> None:
    asked: list[tuple[tuple[str, ...], float]] = []

    async def run(command: tuple[str, ...], timeout: float) -> Outcome:
        asked.append((command, timeout))
        return Outcome(False, "no")

    probe = Probe(exec=ExecAction(command=("test", "-e", "/x")), timeout_seconds=3)

    assert asyncio.run(ask(probe, CONTAINER, "127.0.0.1", run)) == Outcome(False, "no")
    assert asked == [(("test", "-e", "/x"), 3)]
