"""Fake proxies on real streams: connections, what came when, and how much.

In: a world's shape, an address and credentials. Out: streams that are acknowledged, and counts. Rule: one connection a
proxy, as in a cluster; a proxy does no more than Envoy's xDS client would.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import grpc
from envoy.config.core.v3 import base_pb2

from bench.load import world
from bench.load.client import Client, Mentions
from bench.load.identities import Identities
from bench.load.world import Shape

SERVICE = "/envoy.service.discovery.v3.AggregatedDiscoveryService/"
METHODS = {True: SERVICE + "DeltaAggregatedResources", False: SERVICE + "StreamAggregatedResources"}
OPTIONS = (
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.ssl_target_name_override", "istiod.istio-system.svc"),
)
AT_ONCE = 100
"""Connections that are being made at a time."""


class StreamError(Exception):
    """A stream ended though nobody wanted it to."""


@dataclass(frozen=True)
class Address:
    """Where the control plane listens: `host:port` of its front with TLS, or `unix:path` behind it."""

    target: str
    tls: bool


@dataclass
class Received:
    """What came since the last reset."""

    last: dict[int, float] = field(default_factory=dict)
    """Proxy -> time (perf_counter) of its last response."""
    messages: Counter[str] = field(default_factory=Counter)
    resources: Counter[str] = field(default_factory=Counter)
    removed: Counter[str] = field(default_factory=Counter)
    size: int = 0


class Fleet:
    """All proxies of a run."""

    def __init__(self, shape: Shape, count: int, address: Address, identities: Identities, delta: bool = True) -> None:
        mentions = Mentions()
        self.clients = [Client(node(shape, number), mentions, delta) for number in range(count)]
        self.received = Received()
        self._spaces = [shape.namespace_of(number % shape.services) for number in range(count)]
        self._address = address
        self._identities = identities
        self._streams: list[asyncio.Task[None]] = []

    async def connect(self) -> None:
        """Open all streams, some at a time; returns when all have sent their first requests."""
        gate = asyncio.Semaphore(AT_ONCE)
        opened = [asyncio.get_running_loop().create_future() for _ in self.clients]
        for number in range(len(self.clients)):
            self._streams.append(asyncio.create_task(self._stream(number, gate, opened[number])))
        await asyncio.gather(*opened)

    async def disconnect(self) -> None:
        """Drop all streams."""
        for task in self._streams:
            task.cancel()
        await asyncio.gather(*self._streams, return_exceptions=True)
        self._streams.clear()

    def reset(self) -> None:
        self.received = Received()

    def complete(self) -> bool:
        """Whether all have what they asked for."""
        return all(client.complete for client in self.clients) or not self._streams

    def failures(self) -> list[BaseException]:
        """Streams that ended by themselves."""
        ended = [task for task in self._streams if task.done() and not task.cancelled()]
        return [error for task in ended if (error := task.exception()) is not None]

    async def _stream(self, number: int, gate: asyncio.Semaphore, opened: asyncio.Future[None]) -> None:
        try:
            async with gate:
                channel = self._channel(number)
                await channel.channel_ready()
            async with channel:
                await self._talk(number, channel, opened)
        finally:
            if not opened.done():
                opened.set_result(None)

    async def _talk(self, number: int, channel: grpc.aio.Channel, opened: asyncio.Future[None]) -> None:
        client = self.clients[number]
        method: Any = channel.stream_stream(METHODS[client.delta])
        call = method(metadata=self._metadata(number))
        for request in client.connect():
            await call.write(request)
        opened.set_result(None)
        while True:
            raw = await call.read()
            if not isinstance(raw, bytes):
                break
            news = client.receive(raw)
            self._note(number, news.type_url, len(news.names), len(news.removed), len(raw))
            for request in news.requests:
                await call.write(request)
        raise StreamError(f"stream of {client.node.id} ended: {await call.code()} {await call.details()}")

    def _note(self, number: int, type_url: str, names: int, removed: int, size: int) -> None:
        received, kind = self.received, type_url.rpartition(".")[2]
        received.last[number] = time.perf_counter()
        received.messages[kind] += 1
        received.resources[kind] += names
        received.removed[kind] += removed
        received.size += size

    def _channel(self, number: int) -> grpc.aio.Channel:
        if not self._address.tls:
            return grpc.aio.insecure_channel(self._address.target, options=OPTIONS)
        return grpc.aio.secure_channel(
            self._address.target, self._identities.credentials(self._spaces[number]), options=OPTIONS
        )

    def _metadata(self, number: int) -> tuple[tuple[str, str], ...]:
        """Behind the front it is the front that says who calls."""
        if self._address.tls:
            return ()
        return (("x-forwarded-client-cert", f"URI={self._identities.uri(self._spaces[number])}"),)


def node(shape: Shape, number: int) -> base_pb2.Node:
    """What the proxy of pod `number` says of itself: metadata as Istio's agent makes it."""
    service, index = number % shape.services, number // shape.services
    namespace, name = shape.namespace_of(service), world.pod_name(service, index)
    pod = world.pod(shape, service, index)
    address = pod["status"]["podIP"]
    out = base_pb2.Node(
        id=f"sidecar~{address}~{name}.{namespace}~{namespace}.svc.cluster.local",
        cluster=f"svc-{service}.{namespace}",
        user_agent_name="envoy",
    )
    out.metadata.update(
        {
            "NAME": name,
            "NAMESPACE": namespace,
            "LABELS": pod["metadata"]["labels"],
            "SERVICE_ACCOUNT": world.ACCOUNT,
            "WORKLOAD_NAME": f"svc-{service}",
            "INSTANCE_IPS": address,
            "CLUSTER_ID": "Kubernetes",
            "MESH_ID": "cluster.local",
            "ISTIO_VERSION": "1.32.0",
            "INTERCEPTION_MODE": "REDIRECT",
            "NODE_NAME": "node-1",
            "PROXY_FLAVOUR": "stock",
            "PROXY_CONFIG": {"discoveryAddress": "istiod.istio-system.svc:15012", "concurrency": 2},
        }
    )
    return out
