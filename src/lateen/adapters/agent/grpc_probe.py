"""Kubernetes' gRPC probe (`grpc.health.v1.Health/Check`) of an application inside a pod.

In: `PodHttp`, a port, a service name. Out: nothing, or `PodHttpError`. The gRPC library opens its own sockets and
would open them in this process's network; so it talks to a relay on an abstract Unix socket, and the relay to the
application through the pod's.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid

import grpc

from lateen.adapters.agent.pod_http import CHUNK, PodHttp, PodHttpError

METHOD = "/grpc.health.v1.Health/Check"
# HealthCheckResponse{status: SERVING}: field 1, varint, value 1.
SERVING = b"\x08\x01"
MAX_SERVICE = 127


async def grpc_health(pod: PodHttp, host: str, port: int, service: str, timeout: float) -> None:
    """Asks for the health of `service` (empty: the server's own). Raises `PodHttpError` unless it says SERVING."""
    name = f"lateen-probe-{uuid.uuid4().hex}"
    relay = _Relay(pod, host, port)
    server = await asyncio.start_unix_server(relay.serve, f"\0{name}")
    channel = grpc.aio.insecure_channel(
        f"unix-abstract:{name}", options=(("grpc.default_authority", f"{host}:{port}"),)
    )
    try:
        check: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(METHOD)
        answer = await check(_request(service), timeout=timeout)
    except grpc.aio.AioRpcError as error:
        raise PodHttpError(f"gRPC {host}:{port}: {error.code().name}: {error.details()}") from error
    finally:
        await channel.close()
        server.close()
    if answer != SERVING:
        raise PodHttpError(f"gRPC {host}:{port}: the service is not serving")


def _request(service: str) -> bytes:
    """HealthCheckRequest{service}: field 1, length-delimited."""
    text = service.encode()[:MAX_SERVICE]
    return b"\x0a" + bytes([len(text)]) + text if text else b""


class _Relay:
    """Copies bytes both ways between a local connection and the application."""

    def __init__(self, pod: PodHttp, host: str, port: int) -> None:
        self._pod, self._host, self._port = pod, host, port

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            try:
                up_reader, up_writer = await self._pod.open(self._host, self._port)
            except OSError:
                return
            with contextlib.closing(up_writer):
                await asyncio.gather(_copy(reader, up_writer), _copy(up_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.close()
