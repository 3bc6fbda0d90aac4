"""TLS listeners of the API server.

In: a request handler, addresses, the mesh's keys. Out: listening sockets. The rules: TLS 1.2 or newer; a client
certificate is asked for and, if shown, must come from the mesh's CA; an address that does not exist yet (the mesh's
veth is made later) is bound ahead.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from aiohttp import web

IP_FREEBIND = 15  # linux/in.h; the socket module has no name for it
BACKLOG = 512
MAX_LINE = 256 * 1024  # an exec carries its whole command in the query
MAX_FIELD = 64 * 1024
KEEPALIVE_SECONDS = 120.0
SHUTDOWN_SECONDS = 2.0
HOST = re.compile(r"(?:\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>[^\[\]:@/?#]+?)\.?)(?::[0-9]{1,5})?")
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def tls_context(pki: Path) -> ssl.SSLContext:
    """The server side of TLS from `ca.crt`, `apiserver.crt` and `apiserver.key`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(pki / "apiserver.crt", pki / "apiserver.key")
    context.load_verify_locations(pki / "ca.crt")
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


def bound(address: str, port: int) -> socket.socket:
    """A bound socket; the address need not be configured yet. Raises OSError, naming it, if the port is taken."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
        sock.bind((address, port))
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise OSError(f"{address}:{port}: {error.strerror}") from None
    return sock


async def serve(handler: Handler, sockets: Iterable[socket.socket], context: ssl.SSLContext) -> web.ServerRunner:
    """Serve on the sockets until the returned runner is cleaned up."""
    server = web.Server(
        handler,
        handler_cancellation=True,
        keepalive_timeout=KEEPALIVE_SECONDS,
        access_log=None,
        max_line_size=MAX_LINE,
        max_field_size=MAX_FIELD,
    )
    runner = web.ServerRunner(server, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    for sock in sockets:
        await web.SockSite(runner, sock, ssl_context=context, backlog=BACKLOG).start()
    return runner


def host_check(names: Iterable[str]) -> Callable[[str], bool]:
    """Whether a Host header names one of these hosts, with any port."""
    known = {name.lower() for name in names}

    def check(header: str) -> bool:
        found = HOST.fullmatch(header.lower())
        return found is not None and (found["v6"] or found["name"]) in known

    return check
