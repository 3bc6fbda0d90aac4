"""Asking a container whether it is well: HTTP, TCP, exec and gRPC, once.

In: a probe and the pod's address. Out: an `Outcome`. Rules kept: every way to fail is an outcome with a sentence,
never an exception; nothing is read beyond the first kilobytes; redirects to other hosts are not followed. The gRPC
health request is spoken by hand, since the library would cost more memory than the whole rest of the node agent.

Formats: RFC 9113 (frames), https://github.com/grpc/grpc/blob/master/doc/health-checking.md
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
import struct
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from lateen.localcluster.pods import Container, HttpGet, PodError, Probe
from lateen.localcluster.probes import Outcome, port_number

__all__ = ["Exec", "ask", "http_request"]

Exec = Callable[[tuple[str, ...], float], Awaitable[Outcome]]
_LONGEST_HEAD = 10 << 10


async def ask(probe: Probe, container: Container, address: str, run: Exec) -> Outcome:
    """Carry out one probe. `run(command, timeout)` executes a command in the container."""
    timeout = max(1, probe.timeout_seconds)
    try:
        if probe.exec is not None:
            return await run(probe.exec.command, timeout)
        async with asyncio.timeout(timeout):
            return await _by_network(probe, container, address)
    except TimeoutError:
        return Outcome(False, f"no answer within {timeout} s (context deadline exceeded)")
    except OSError as error:
        return Outcome(False, f"{address}: {os.strerror(error.errno).lower() if error.errno else error}")
    except PodError as error:
        return Outcome(False, str(error))


async def _by_network(probe: Probe, container: Container, address: str) -> Outcome:
    if probe.http_get is not None:
        return await http_request(probe.http_get, container, address)
    if probe.tcp_socket is not None:
        port = port_number(container, probe.tcp_socket.port)
        _, writer = await asyncio.open_connection(probe.tcp_socket.host or address, port)
        writer.close()
        return Outcome(True)
    if probe.grpc is not None:
        return await _grpc(address, probe.grpc.port, probe.grpc.service or "")
    return Outcome(True)


async def http_request(action: HttpGet, container: Container, address: str) -> Outcome:
    """One GET; status 200 to 399 is good. Certificates are not verified, as the kubelet does not either."""
    port = port_number(container, action.port)
    host = action.host or address
    context = None
    if action.scheme.upper() == "HTTPS":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    reader, writer = await asyncio.open_connection(host, port, ssl=context, limit=_LONGEST_HEAD)
    try:
        writer.write(_request_head(action, host, port))
        line = await reader.readline()
        status = _status(line)
    except (asyncio.IncompleteReadError, ValueError) as error:
        return Outcome(False, f"not an HTTP answer: {error}")
    finally:
        writer.close()
    if 200 <= status < 400:
        return Outcome(True)
    return Outcome(
        False, f"HTTP probe failed with statuscode: {status}" if status else "the server closed without an HTTP answer"
    )


def _request_head(action: HttpGet, host: str, port: int) -> bytes:
    headers = {"Host": f"{host}:{port}", "User-Agent": "kube-probe/1.32", "Accept": "*/*", "Connection": "close"}
    for header in action.http_headers:
        clean = header.name.strip()
        if clean and not any(character in header.name + header.value for character in "\r\n\0"):
            headers = {name: value for name, value in headers.items() if name.lower() != clean.lower()}
            headers[clean] = header.value
    target = urlsplit(action.path if action.path.startswith("/") else f"/{action.path}")
    path = target.path + (f"?{target.query}" if target.query else "")
    path = "".join(character if "!" <= character <= "~" else "%20" for character in path)
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode()


def _status(line: bytes) -> int:
    parts = line.split(b" ", 2)
    return int(parts[1]) if len(parts) > 1 and parts[0].startswith(b"HTTP/") and parts[1].isdigit() else 0


# --- gRPC health, by hand

_DATA, _HEADERS, _RST, _SETTINGS, _GOAWAY = 0, 1, 3, 4, 7
_END_STREAM, _END_HEADERS, _ACK = 1, 4, 1
_STATUS = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload


def _literal(name: str, value: str) -> bytes:
    """A header field without indexing or Huffman coding (RFC 7541, 6.2.2); names and values under 127 bytes."""
    return b"\0" + bytes((len(name),)) + name.encode() + bytes((len(value),)) + value.encode()


def _health_request(authority: str, service: str) -> bytes:
    fields = (
        (":method", "POST"), (":scheme", "http"), (":path", "/grpc.health.v1.Health/Check"), (":authority", authority),
        ("content-type", "application/grpc"), ("te", "trailers"), ("user-agent", "kube-probe/1.32"),
    )  # fmt: skip
    name = service.encode()[:120]
    body = b"\x0a" + bytes((len(name),)) + name if name else b""
    return (
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        + _frame(_SETTINGS, 0, 0, b"")
        + _frame(_HEADERS, _END_HEADERS, 1, b"".join(_literal(*field) for field in fields))
        + _frame(_DATA, _END_STREAM, 1, b"\0" + struct.pack(">I", len(body)) + body)
    )


async def _grpc(address: str, port: int, service: str) -> Outcome:
    reader, writer = await asyncio.open_connection(address, port)
    try:
        writer.write(_health_request(f"{address}:{port}", service))
        with contextlib.suppress(asyncio.IncompleteReadError):
            return await _health_answer(reader, writer)
    finally:
        writer.close()
    return Outcome(False, "the server closed without a gRPC health answer")


async def _health_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Outcome:
    data = b""
    while True:
        head = await reader.readexactly(9)
        length, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
        if length > 1 << 16:
            return Outcome(False, "the gRPC health answer is too large")
        payload = await reader.readexactly(length)
        if kind == _SETTINGS and not flags & _ACK:
            writer.write(_frame(_SETTINGS, _ACK, 0, b""))
        elif kind == _DATA:
            data += payload
            if len(data) >= 5:
                return _health_status(data[5:])
        elif kind in (_RST, _GOAWAY) or (kind == _HEADERS and flags & _END_STREAM):
            return Outcome(False, "the server does not answer gRPC health checks")


def _health_status(message: bytes) -> Outcome:
    status = message[1] if len(message) >= 2 and message[0] == 8 else 0
    name = _STATUS.get(status, str(status))
    return Outcome(status == 1, "" if status == 1 else f"service unhealthy (responded with {name!r})")
