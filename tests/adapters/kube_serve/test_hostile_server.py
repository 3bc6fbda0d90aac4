"""A real server under attack: smuggled requests, too many connections, watches that nobody reads (57, 59 to 61, 67)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.kube_serve.running_server import RunningServer, select_nothing

FEW_DESCRIPTORS = 40
WATCHES = 300
SILENCE = 0.2  # seconds after an answer in which a second one would come
LISTEN = "0A"


@asynccontextmanager
async def connection(server: RunningServer) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A TLS connection with the administrator's certificate."""
    pki = Path(server.instance.pki_dir)
    context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
    port = server.instance.api_port
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        for _ in range(3):
            await asyncio.sleep(0)


async def exchange(server: RunningServer, request: bytes) -> bytes:
    """All that the server answers until it closes the connection or is silent."""
    async with connection(server) as (reader, writer):
        writer.write(request)
        got = await asyncio.wait_for(reader.read(65536), 10)
        with contextlib.suppress(TimeoutError):
            while data := await asyncio.wait_for(reader.read(65536), SILENCE):
                got += data
        return got


BODY = b'{"metadata":{"name":"smuggled"}}'
INNER = (
    b"POST /api/v1/namespaces/default/configmaps HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
)
HEAD = b"POST /api/v1/namespaces/default/configmaps HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize(
    "request_bytes",
    [
        HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + INNER,
        HEAD + b"Content-Length: 3\r\nContent-Length: 300\r\n\r\n{}x" + INNER,
        HEAD + b"Content-Length: +3\r\n\r\n{}x" + INNER,
        HEAD + b"Transfer-Encoding: identity\r\nContent-Length: 0\r\n\r\n" + INNER,
        HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + INNER,
        HEAD + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + INNER,
        HEAD + b"X: a\rContent-Length: 0\r\n\r\n" + INNER,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n" + INNER,
    ],
    ids=["both lengths", "two lengths", "plus", "identity", "xchunked", "space", "bare CR", "0x size"],
)
def test_G60_a_request_of_unclear_length_ends_the_connection(server: RunningServer, request_bytes: bytes) -> None:
    got = asyncio.run(exchange(server, request_bytes))

    assert got[9:12] == b"400", got[:100]
    assert got.count(b"HTTP/1.") == 1
    assert "smuggled" not in server.kubectl("get", "configmaps", "-o", "name")


@pytest.mark.parametrize("path", ["/api/v1/pods", "/version", "/api/v1/namespaces/default/pods/none/exec?command=sh"])
def test_G60_an_upgrade_that_is_not_offered_stays_http(server: RunningServer, path: str) -> None:
    upgrade = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    upgrade += "HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
    got = asyncio.run(exchange(server, upgrade.encode() + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))

    assert not got.startswith(b"HTTP/1.1 101")


@pytest.mark.parametrize("method", ["CONNECT", "TRACE", "get", "PROPFIND"])
def test_G60_methods_that_are_none_of_the_apis(server: RunningServer, method: str) -> None:
    target = "127.0.0.1:22" if method == "CONNECT" else "/api/v1/pods"
    got = asyncio.run(exchange(server, f"{method} {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()))

    assert got[9:12] in (b"400", b"403", b"404", b"405"), got[:80]


@pytest.mark.parametrize(
    "head",
    [
        "GET /version HTTP/1.1\r\n",
        "GET /version HTTP/1.1\r\nHost:\r\n",
        "GET /version HTTP/1.1\r\nHost: localhost.evil.example\r\n",
        "GET /version HTTP/1.1\r\nHost: localhost@evil.example\r\n",
        "GET /version HTTP/1.1\r\nHost: evil.example#localhost\r\n",
        "GET /version HTTP/1.1\r\nHost: [::1\r\n",
        "GET /version HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n",
        "GET http://evil.example/version HTTP/1.1\r\nHost: localhost\r\n",
        "GET /version HTTP/1.0\r\n",
    ],
)
def test_G61_a_host_that_is_not_this_server(server: RunningServer, head: str) -> None:
    got = asyncio.run(exchange(server, head.encode() + b"\r\n"))

    assert got[9:12] in (b"400", b"421"), got[:100]
    assert b"gitVersion" not in got


def test_G61_it_listens_on_the_loopback_and_the_meshs_own_address_only(server: RunningServer) -> None:
    assert server.process is not None
    process = Path("/proc") / str(server.process.pid)
    own = {os.readlink(entry) for entry in (process / "fd").iterdir() if entry.is_symlink()}
    rows = [line.split() for name in ("tcp", "tcp6") for line in (process / "net" / name).read_text().splitlines()[1:]]
    addresses = {row[1] for row in rows if row[3] == LISTEN and f"socket:[{row[9]}]" in own}

    assert {bytes.fromhex(address.partition(":")[0])[::-1] for address in addresses} == {
        bytes([127, 0, 0, 1]),
        bytes(map(int, server.instance.host_address.split("."))),
    }


def test_G59_a_token_does_not_help_a_certificate_nor_the_other_way_round(server: RunningServer) -> None:
    """The certificate decides; a good one is not spoilt by a bad token, a bad token without one is refused."""

    async def statuses() -> list[int]:
        found = []
        for certificate in (True, False):
            headers = {"Authorization": "Bearer forged"}
            session = server.session(certificate=certificate, headers=headers)
            async with session as client, client.get("/api/v1/nodes") as answer:
                found.append(answer.status)
        return found

    assert asyncio.run(statuses()) == [200, 401]


@pytest.mark.parametrize(
    "header",
    [
        "Impersonate-User: system:masters",
        "impersonate-group: system:masters",
        "IMPERSONATE-EXTRA-x: y",
        "Impersonate-Uid: 0",
    ],
)
def test_G59_every_spelling_of_impersonation_is_refused(server: RunningServer, header: str) -> None:
    request = f"GET /api/v1/nodes HTTP/1.1\r\nHost: localhost\r\n{header}\r\n\r\n"
    assert asyncio.run(exchange(server, request.encode())).startswith(b"HTTP/1.1 403 ")


def test_G57_hundreds_of_idle_watches_cost_little_and_all_are_told(server: RunningServer, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/secrets?watch=true"

    async def work() -> float:
        async with server.session() as session, contextlib.AsyncExitStack() as stack:
            assert session.connector is not None
            session.connector._limit = WATCHES + 10
            opened = await asyncio.gather(*(stack.enter_async_context(session.get(path)) for _ in range(WATCHES)))
            start = time.monotonic()
            body = {"metadata": {"name": "news"}}
            async with session.post(f"/api/v1/namespaces/{namespace}/secrets", json=body) as answer:
                assert answer.status == 201
            lines = await asyncio.wait_for(asyncio.gather(*(watch.content.readline() for watch in opened)), 20)
            took = time.monotonic() - start
            assert {json.loads(line)["object"]["metadata"]["name"] for line in lines} == {"news"}
            for watch in opened:
                watch.close()
            return took

    assert asyncio.run(work()) < 5


def test_G57_a_watch_that_nobody_reads_is_dropped_and_the_server_stays_small(own_server: RunningServer) -> None:
    """Three thousand large changes beside clients that do not read: what waits for them is bounded."""

    async def work() -> None:
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(10):
                _, writer = await stack.enter_async_context(connection(own_server))
                writer.transport.pause_reading()  # type: ignore[attr-defined]
                writer.write(b"GET /api/v1/configmaps?watch=true HTTP/1.1\r\nHost: localhost\r\n\r\n")
            async with own_server.session() as session:
                path = "/api/v1/namespaces/default/configmaps"
                async with session.post(path, json={"metadata": {"name": "c"}}) as answer:
                    assert answer.status == 201
                patch = {"Content-Type": "application/merge-patch+json"}
                for number in range(300):
                    data = json.dumps({"data": {"text": str(number) + "x" * 50_000}})
                    async with session.patch(f"{path}/c", data=data, headers=patch) as answer:
                        assert answer.status == 200

    before = resident(own_server)
    asyncio.run(work())
    assert resident(own_server) - before < 150
    assert own_server.kubectl("get", "--raw", "/readyz") == "ok"


def resident(server: RunningServer) -> float:
    """Megabytes of memory."""
    assert server.process is not None
    return int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]) * 4096 / 1e6


def test_G67_out_of_descriptors_it_waits_and_comes_back(own_server: RunningServer) -> None:
    assert own_server.process is not None
    pid = own_server.process.pid
    open_now = len(list((Path("/proc") / str(pid) / "fd").iterdir()))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (open_now + FEW_DESCRIPTORS, open_now + FEW_DESCRIPTORS))

    async def crowd() -> None:
        port = own_server.instance.api_port
        opened = await asyncio.gather(*(asyncio.open_connection("127.0.0.1", port) for _ in range(4 * FEW_DESCRIPTORS)))
        until(lambda: "no connection can be accepted for the moment" in own_server.log)
        for _, writer in opened:
            writer.transport.abort()

    asyncio.run(crowd())

    own_server.kubectl("create", "configmap", "after")
    assert own_server.process.poll() is None
    assert len(own_server.log) < 100_000, "the trouble is told without filling the disk"


def until(condition: Any) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        select_nothing()
