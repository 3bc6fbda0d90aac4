"""Discovery streams over a real gRPC connection on a Unix socket."""

import asyncio
import stat
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from envoy.config.cluster.v3 import cluster_pb2
from envoy.service.discovery.v3 import discovery_pb2

from lateen.adapters.grpc_ads.server import serve_health, serve_socket
from lateen.adapters.grpc_ads.service import SERVICE, AdsService, Limits
from lateen.controlplane.plane import REFUSALS, ControlPlane
from lateen.engine import Database, Set, Table, query
from lateen.identity.callers import AuthenticationError
from lateen.identity.spiffe import Identity
from lateen.mesh.node import PROXIES, ProxyNode
from lateen.xds.encode import CLUSTER, Encoded, encode

CLUSTERS: Table[str, int] = Table("test clusters")


@query
def wanted(db: Database, node: ProxyNode, type_url: str, names: tuple[str, ...] | None) -> tuple[Encoded, ...]:
    """All of the table's clusters, for anybody."""
    if type_url != CLUSTER:
        return ()
    found = db.keys(CLUSTERS) if names is None else names
    return tuple(
        encode(name, cluster_pb2.Cluster(name=name, alt_stat_name=str(db.get(CLUSTERS, name)))) for name in found
    )


async def identify(metadata: Mapping[str, str]) -> Identity:
    if metadata.get("who") != "a":
        raise AuthenticationError("unknown")
    return Identity("cluster.local", "shop", "cart")


class Running:
    """A service, and streams to it."""

    def __init__(self, path: Path, limits: Limits | None) -> None:
        self.db = Database()
        self.db.apply([Set(CLUSTERS, "a", 1), Set(CLUSTERS, "b", 1)])
        self.service = AdsService(ControlPlane(self.db, wanted), identify, limits=limits)
        self.path = path
        self.channel: grpc.aio.Channel

    def apply(self, **clusters: int) -> None:
        self.service.plane.apply(Set(CLUSTERS, name, value) for name, value in clusters.items())
        self.service.wake()

    def stream(self, method: str = "DeltaAggregatedResources", who: str = "a") -> "grpc.aio.StreamStreamCall[Any, Any]":
        return self.channel.stream_stream(f"/{SERVICE}/{method}")(metadata=(("who", who),))


@asynccontextmanager
async def running(tmp_path: Path, limits: Limits | None = None) -> AsyncIterator[Running]:
    run = Running(tmp_path / "xds.sock", limits)
    server = await serve_socket(run.path, [run.service.handler()])
    run.channel = grpc.aio.insecure_channel(f"unix:{run.path}")
    try:
        yield run
    finally:
        await run.channel.close()
        await server.stop(0)


def delta(**fields: Any) -> bytes:
    message = discovery_pb2.DeltaDiscoveryRequest(type_url=CLUSTER, **fields)
    return bytes(message.SerializeToString())


def hello(namespace: str = "shop", **fields: Any) -> bytes:
    message = discovery_pb2.DeltaDiscoveryRequest.FromString(delta(**fields))
    message.node.id = f"sidecar~10.0.0.1~cart-1.{namespace}~{namespace}.svc.cluster.local"
    message.node.metadata.update({"NAMESPACE": namespace, "SERVICE_ACCOUNT": "cart"})
    return bytes(message.SerializeToString())


async def response(stream: Any) -> discovery_pb2.DeltaDiscoveryResponse:
    return discovery_pb2.DeltaDiscoveryResponse.FromString(await asyncio.wait_for(stream.read(), 60))


async def until(condition: Any) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  # what is waited for has no event
            await asyncio.sleep(0.001)


def test_a_change_reaches_the_client_and_nothing_else_does(tmp_path: Path) -> None:
    async def script() -> None:
        async with running(tmp_path) as run:
            stream = run.stream()
            await stream.write(hello())
            first = await response(stream)
            assert [resource.name for resource in first.resources] == ["a", "b"]
            await stream.write(delta(response_nonce=first.nonce))

            run.apply(a=1)
            run.apply(b=2)
            second = await response(stream)
            assert [resource.name for resource in second.resources] == ["b"]
            assert run.service.plane.pushes[CLUSTER] == 2

    asyncio.run(script())


def test_state_of_the_world(tmp_path: Path) -> None:
    async def script() -> None:
        async with running(tmp_path) as run:
            stream = run.stream("StreamAggregatedResources")
            message = discovery_pb2.DiscoveryRequest(type_url=CLUSTER)
            message.node.id = "sidecar~10.0.0.1~cart-1.shop~shop.svc.cluster.local"
            await stream.write(message.SerializeToString())
            first = discovery_pb2.DiscoveryResponse.FromString(await asyncio.wait_for(stream.read(), 60))
            assert len(first.resources) == 2
            assert first.version_info

    asyncio.run(script())


def test_a_client_that_comes_back_is_sent_what_differs(tmp_path: Path) -> None:
    async def script() -> None:
        async with running(tmp_path) as run:
            stream = run.stream()
            await stream.write(hello())
            versions = {resource.name: resource.version for resource in (await response(stream)).resources}
            stream.cancel()
            await until(lambda: run.service.streams == 0)

            again = run.stream()
            await again.write(hello(initial_resource_versions=versions))
            await until(lambda: run.db.keys(PROXIES))
            run.apply(b=3)
            assert [resource.name for resource in (await response(again)).resources] == ["b"]

    asyncio.run(script())


def test_a_refusal_is_kept_until_the_client_goes(tmp_path: Path) -> None:
    async def script() -> None:
        async with running(tmp_path) as run:
            stream = run.stream()
            await stream.write(hello())
            nonce = (await response(stream)).nonce
            error = {"code": 3, "message": "Error adding/updating cluster(s) b: bad"}
            await stream.write(delta(response_nonce=nonce, error_detail=error))
            await until(lambda: run.db.keys(REFUSALS))
            (key,) = run.db.keys(REFUSALS)
            assert (key.name, run.service.plane.rejects[CLUSTER]) == ("b", 1)

            stream.cancel()
            await until(lambda: not run.db.keys(PROXIES))
            assert run.db.keys(REFUSALS) == ()

    asyncio.run(script())


async def refused(stream: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await asyncio.wait_for(stream.read(), 60)
    return caught.value.code(), caught.value.details() or ""


def test_02_who_cannot_be_identified_gets_nothing(tmp_path: Path) -> None:
    async def script() -> None:
        async with running(tmp_path) as run:
            assert await refused(run.stream(who="x")) == (grpc.StatusCode.UNAUTHENTICATED, "authentication failure")

    asyncio.run(script())


def test_01_a_node_of_another_namespace_is_denied(tmp_path: Path) -> None:
    async def script() -> None:
        async with running(tmp_path) as run:
            stream = run.stream()
            await stream.write(hello(namespace="bank"))
            code, message = await refused(stream)
            assert code == grpc.StatusCode.PERMISSION_DENIED
            assert "authenticated is spiffe://cluster.local/ns/shop/sa/cart" in message
            assert run.db.keys(PROXIES) == ()

    asyncio.run(script())


@pytest.mark.parametrize("raw", [b"\xff\xff", delta(), b""])
def test_07_a_broken_client_loses_its_own_stream_only(tmp_path: Path, raw: bytes) -> None:
    async def script() -> None:
        async with running(tmp_path) as run:
            good, bad = run.stream(), run.stream()
            await good.write(hello())
            await response(good)
            await bad.write(raw)
            assert (await refused(bad))[0] == grpc.StatusCode.INVALID_ARGUMENT
            assert run.service.streams == 1

    asyncio.run(script())


def test_streams_are_bounded(tmp_path: Path) -> None:
    async def script() -> None:
        async with running(tmp_path, Limits(streams=1)) as run:
            good = run.stream()
            await good.write(hello())
            await response(good)
            assert (await refused(run.stream()))[0] == grpc.StatusCode.RESOURCE_EXHAUSTED

    asyncio.run(script())


def test_08_a_stream_ends_after_its_time_so_that_credentials_are_checked_again(tmp_path: Path) -> None:
    async def script() -> None:
        async with running(tmp_path, Limits(age=0.05)) as run:
            stream = run.stream()
            await stream.write(hello())
            await response(stream)
            assert await asyncio.wait_for(stream.read(), 60) is grpc.aio.EOF
            assert await stream.code() == grpc.StatusCode.OK

    asyncio.run(script())


def test_05_a_client_that_does_not_read_is_aborted(tmp_path: Path) -> None:
    async def script() -> None:
        async with running(tmp_path, Limits(write=0.2)) as run:
            run.apply(**{f"{i:04}{'x' * 2000}": i for i in range(8000)})  # more than any window takes in
            stream = run.stream()
            await stream.write(hello())
            await until(lambda: run.service.plane.pushes[CLUSTER] > 0)
            await until(lambda: run.service.streams == 0)

    asyncio.run(script())


def test_the_socket_is_our_own_users_only(tmp_path: Path) -> None:
    async def script() -> None:
        async with running(tmp_path) as run:
            assert stat.S_IMODE(run.path.stat().st_mode) == 0o600

    asyncio.run(script())


def test_02_the_plain_text_port_answers_health_and_nothing_else(tmp_path: Path) -> None:
    async def script() -> None:
        address = f"unix:{tmp_path}/plain.sock"
        server = await serve_health(address)
        async with grpc.aio.insecure_channel(address) as channel:
            assert await channel.unary_unary("/grpc.health.v1.Health/Check")(b"") == b"\x08\x01"
            stream = channel.stream_stream(f"/{SERVICE}/DeltaAggregatedResources")()
            assert (await refused(stream))[0] == grpc.StatusCode.UNIMPLEMENTED
        await server.stop(0)

    asyncio.run(script())
