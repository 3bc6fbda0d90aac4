"""A small HTTP/1.1 client for the programs of the image catalogue.

Why: http.client brings the whole email package along. In: a URL of plain HTTP. Out: status, headers and body.
Rule: standard library only, Python 3.9 or newer; one connection per call, so that a proxy balances every call anew.
"""

import socket

from webserver import Stream

TRACE_HEADERS = (
    "x-request-id", "x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled", "x-b3-flags", "b3",
    "traceparent", "tracestate", "x-ot-span-context", "x-cloud-trace-context", "grpc-trace-bin", "baggage",
    "end-user", "user-agent", "cookie", "authorization",
)  # fmt: skip


class CallError(Exception):
    """The call did not get an answer; the message says why."""


def traced(request):
    """Return the headers of a request that an application must pass on, so that a trace holds together."""
    return [(name, value) for name, value in request.headers if name.lower() in TRACE_HEADERS]


def address(text, port):
    """Return (host, port) of `host` or `host:port`."""
    host, colon, number = text.rpartition(":")
    return (host, int(number)) if colon else (text, port)


def fetch(host, port, path, headers=(), timeout=5.0, method="GET"):
    """Return (status, headers, body) of a request; raise CallError if no answer comes."""
    try:
        with socket.create_connection((host, port), timeout) as sock:
            lines = [f"{method} {path} HTTP/1.1", f"Host: {host}:{port}", "Connection: close"]
            lines += ["{}: {}".format(*pair) for pair in headers]
            sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace"))
            return _answer(Stream(sock))
    except (OSError, ValueError) as error:
        raise CallError(f"{host}:{port}: {error}") from error


def _answer(stream):
    head = stream.head().decode("latin-1")
    if not head:
        raise OSError("closed without an answer")
    first, *lines = head.split("\r\n")
    status = int(first.split(" ")[1])
    headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    known = {name.lower(): value for name, value in headers}
    if "chunked" in known.get("transfer-encoding", ""):
        return status, headers, stream.chunks()
    if "content-length" in known:
        return status, headers, stream.exactly(int(known["content-length"]))
    while stream.fill():
        pass
    return status, headers, stream.buffer
