"""gRPC servers of the control plane: one behind the front Envoy on a Unix socket, one in plain text for health only.

In: handlers and addresses. Out: started servers. Rule: the Unix socket is 0600, since whoever can open it may say in
whose name it calls (`x-forwarded-client-cert`); the plain-text port has nothing that needs to know who calls.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import grpc

MAX_MESSAGE = 4 * 1024 * 1024
"""Bytes of a request. The largest are first requests after a reconnect, which list what the client holds."""
HEALTH = "grpc.health.v1.Health"
SERVING = b"\x08\x01"
"""`HealthCheckResponse{status: SERVING}`."""

_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_metadata_size", 64 * 1024),
    ("grpc.max_concurrent_streams", 5000),
    ("grpc.so_reuseport", 0),
    # When all proxies come at once, the last ones wait; to cancel them (after 30 s by default) makes all come again.
    ("grpc.server_max_unrequested_time_in_server", 300),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.max_ping_strikes", 0),
)


async def serve_socket(path: Path, handlers: Sequence[grpc.GenericRpcHandler]) -> grpc.aio.Server:
    """Serve on a Unix socket that only our own user may open."""
    _make_way(path)
    server = grpc.aio.server(options=_OPTIONS)
    server.add_generic_rpc_handlers(tuple(handlers))
    before = os.umask(0o177)
    try:
        server.add_insecure_port(f"unix:{path}")
        await server.start()
    finally:
        os.umask(before)
    return server


def _make_way(path: Path) -> None:
    """Remove the socket of an earlier process."""
    path.unlink(missing_ok=True)


async def serve_health(address: str) -> grpc.aio.Server:
    """Serve gRPC health on a plain-text address such as `0.0.0.0:15010`."""
    server = grpc.aio.server(options=_OPTIONS)
    check: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(_check)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(HEALTH, {"Check": check}),))
    server.add_insecure_port(address)
    await server.start()
    return server


async def _check(_request: bytes, _context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
    return SERVING
