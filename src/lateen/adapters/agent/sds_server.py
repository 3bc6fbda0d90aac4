"""Serves one proxy's secrets over a Unix socket (Envoy's SDS, both variants).

In: secrets, and changes of them. Out: streams to Envoy. The rule: one server a pod, on a socket that only that pod's
proxy sees and only the proxy's user may open; what the streams say is decided by the pure machines in
`lateen.agent.secrets`.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import Any

import grpc
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DiscoveryRequest
from google.protobuf.message import DecodeError

from lateen.adapters.tasks import Tasks
from lateen.agent.file_secrets import PREFIX, Read, file_secret
from lateen.agent.secrets import MAX_NAMES, DeltaStream, Refusal, Secret, WorldStream

log = logging.getLogger(__name__)

SERVICE = "envoy.service.secret.v3.SecretDiscoveryService"
SOCKET = "socket"
# Envoy opens one stream a secret name and configuration; more is a defect or an attack of the pod on itself.
MAX_STREAMS = 64
MAX_MESSAGE = 64 * 1024
FILE_INTERVAL = 5.0
# A path of a Unix socket has 107 bytes.
MAX_PATH = 100

Stream = WorldStream | DeltaStream
Context = grpc.aio.ServicerContext[bytes, bytes]


class SdsServer:
    """One pod's SDS server. `start` it, tell it of changes with `update`, `close` it."""

    def __init__(self, name: str, directory: Path, secrets: Mapping[str, Secret], tasks: Tasks, read: Read) -> None:
        self._name = name
        self._read = read
        self._watcher: Any = None
        self._directory = directory
        self._secrets = dict(secrets)
        self._tasks = tasks
        self._open: set[_OpenStream] = set()
        self._server: grpc.aio.Server | None = None

    async def start(self, uid: int, gid: int) -> None:
        """Listens on `<directory>/socket`, owned by the proxy's user; a socket left by an earlier process is
        replaced.
        """
        options = (
            ("grpc.max_receive_message_length", MAX_MESSAGE),
            ("grpc.max_concurrent_streams", MAX_STREAMS),
            ("grpc.so_reuseport", 0),
        )
        server = grpc.aio.server(options=options)
        server.add_generic_rpc_handlers((self._handler(),))
        self._directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        _bind(server, self._directory)
        await server.start()
        socket = self._directory / SOCKET
        os.chown(socket, uid, gid, follow_symlinks=False)
        self._watcher = self._tasks.start(self._watch_files(), f"secrets in files of {self._name}")
        self._server = server

    def update(self, secrets: Mapping[str, Secret]) -> None:
        """Sends changed secrets to every open stream."""
        self._secrets = dict(secrets)
        for stream in list(self._open):
            stream.update(secrets)

    async def _watch_files(self) -> None:
        """Files have no way to tell us that they changed or came: look again now and then, while a stream names any."""
        while True:
            await asyncio.sleep(FILE_INTERVAL)
            for stream in list(self._open):
                if stream.names_files:
                    stream.update(self._secrets)

    async def close(self) -> None:
        """Ends all streams and removes the socket."""
        if self._watcher is not None:
            self._watcher.cancel()
        if self._server is not None:
            await self._server.stop(grace=None)
            self._server = None
        (self._directory / SOCKET).unlink(missing_ok=True)

    def _handler(self) -> grpc.GenericRpcHandler:
        world: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_stream_rpc_method_handler(self._world)
        delta: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_stream_rpc_method_handler(self._delta)
        return grpc.method_handlers_generic_handler(SERVICE, {"StreamSecrets": world, "DeltaSecrets": delta})

    async def _world(self, requests: AsyncIterator[bytes], context: Context) -> None:
        await self._serve(WorldStream(self._secrets), DiscoveryRequest, requests, context)

    async def _delta(self, requests: AsyncIterator[bytes], context: Context) -> None:
        await self._serve(DeltaStream(self._secrets), DeltaDiscoveryRequest, requests, context)

    async def _serve(self, machine: Stream, kind: Any, requests: AsyncIterator[bytes], context: Context) -> None:
        stream = _OpenStream(self._name, machine, self._secrets, self._read)
        self._open.add(stream)
        reader = self._tasks.start(stream.read(requests, kind), f"secrets of {self._name}")
        try:
            while (answer := await stream.answers.get()) is not None:
                await context.write(answer)
            if stream.broken:
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "not a discovery request")
        finally:
            self._open.discard(stream)
            reader.cancel()


class _OpenStream:
    """One stream: the machine, the files that it names, and a queue of encoded answers that `None` ends."""

    def __init__(self, name: str, machine: Any, secrets: Mapping[str, Secret], read: Read) -> None:
        self._name = name
        self._machine = machine
        self._secrets = secrets
        self._read = read
        self._files: dict[str, Secret | None] = {}
        self.answers: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.broken = False

    @property
    def names_files(self) -> bool:
        """Whether this stream wants secrets that lie in files."""
        return bool(self._files)

    async def read(self, requests: AsyncIterator[bytes], kind: Any) -> None:
        try:
            async for payload in requests:
                request = kind.FromString(payload)
                if self._notice(_names(request)):
                    self._put(self._machine.update(self._all()))
                self._put(self._machine.receive(request))
        except DecodeError:
            self.broken = True
        finally:
            self.answers.put_nowait(None)

    def update(self, secrets: Mapping[str, Secret]) -> None:
        self._secrets = secrets
        for name in self._files:
            self._files[name] = file_secret(name, self._read)
        self._put(self._machine.update(self._all()))

    def _notice(self, names: Iterable[str]) -> bool:
        """Reads files that are named for the first time; whether there were any."""
        new = [name for name in names if name.startswith(PREFIX) and name not in self._files]
        for name in new[: MAX_NAMES - len(self._files)]:
            self._files[name] = file_secret(name, self._read)
            if self._files[name] is None:
                log.warning("%s: the proxy waits for secret %s, whose files cannot be read", self._name, name[:300])
        return bool(new)

    def _all(self) -> dict[str, Secret]:
        return {**self._secrets, **{name: secret for name, secret in self._files.items() if secret is not None}}

    def _put(self, answers: list[Any]) -> None:
        for answer in answers:
            if isinstance(answer, Refusal):
                names = ", ".join(answer.names)[:500]
                log.warning("%s: the proxy refused secret %s: %s", self._name, names, answer.detail[:500])
            else:
                self.answers.put_nowait(answer.SerializeToString())


def _names(request: Any) -> Iterable[str]:
    """The names in a request of either variant."""
    if isinstance(request, DiscoveryRequest):
        return list(request.resource_names)
    return list(request.resource_names_subscribe)


def _bind(server: grpc.aio.Server, directory: Path) -> None:
    """Binds the socket with mode 0600 from its first moment; a path too long for a socket goes through a directory
    handle.
    """
    path = directory / SOCKET
    path.unlink(missing_ok=True)
    before = os.umask(0o177)
    handle = os.open(directory, os.O_PATH | os.O_DIRECTORY)
    try:
        name = str(path) if len(str(path)) <= MAX_PATH else f"/proc/self/fd/{handle}/{SOCKET}"
        server.add_insecure_port(f"unix:{name}")
    finally:
        os.close(handle)
        os.umask(before)
