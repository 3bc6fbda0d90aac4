"""The listener that takes all redirected inbound connections of a sidecar: `virtualInbound`, on port 15006.

In: `InboundView`. Out: the encoded listener. Rule: Istio's shape: a chain that drops connections to 15006 itself,
chains for ports that no service names, chains for each port that one does; policies are enforced on all of them but
the first.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from envoy.config.core.v3.base_pb2 import TrafficDirection
from envoy.config.listener.v3.listener_components_pb2 import Filter, FilterChain, FilterChainMatch
from envoy.config.listener.v3.listener_pb2 import AdditionalAddress, Listener
from envoy.config.route.v3.route_components_pb2 import (
    Decorator,
    RetryPolicy,
    Route,
    RouteAction,
    RouteMatch,
    VirtualHost,
)
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.filters.network.tcp_proxy.v3.tcp_proxy_pb2 import TcpProxy
from google.protobuf.wrappers_pb2 import BoolValue

from lateen.engine import Database, query
from lateen.mesh.authn import Mode
from lateen.mesh.authz import Applied
from lateen.mesh.inbound import InboundView, ServiceTarget, inbound_view
from lateen.mesh.meshconfig import mesh_config
from lateen.mesh.node import ProxyNode
from lateen.mesh.protocols import Protocol
from lateen.xds.access_log import access_logs, listener_access_logs
from lateen.xds.any import pack
from lateen.xds.encode import Encoded, encode
from lateen.xds.filters import ext_authz, rbac
from lateen.xds.hcm import network_filter
from lateen.xds.hcm_options import HcmOptions
from lateen.xds.inbound_chains import ChainKind, Speaks, chain_kinds
from lateen.xds.inspectors import inspectors, original_dst
from lateen.xds.tls_server import mutual_tls, socket
from lateen.xds.values import duration, seconds, socket_address, uint32

NAME: Final = "virtualInbound"
CATCH_ALL_HTTP: Final = "virtualInbound-catchall-http"
BLACKHOLE_CHAIN: Final = "virtualInbound-blackhole"
PASSTHROUGH_CLUSTER: Final = "InboundPassthroughCluster"
BLACKHOLE_CLUSTER: Final = "BlackHoleCluster"
_RETRIES: Final = 2


@dataclass(frozen=True, slots=True)
class _Port:
    """One group of chains: a port of the workload (0: any other), what it speaks, and where its bytes go."""

    number: int
    speaks: Speaks
    mode: Mode
    cluster: str
    bind: str
    target: ServiceTarget | None = None

    @property
    def retries(self) -> bool:
        """Streams of gRPC that were reset may have had effects that the caller sees, so they are not tried again."""
        return self.target is None or self.target.protocol not in {Protocol.GRPC, Protocol.GRPC_WEB}

    def chain_name(self, kind: ChainKind) -> str:
        if self.target is not None:
            return f"{self.bind}_{self.number}"
        return CATCH_ALL_HTTP if kind.carries == "http" else NAME

    @property
    def stat_prefix(self) -> str:
        return f"inbound_{self.bind}_{self.number}" if self.target is not None else self.cluster


@query
def inbound_listeners(db: Database, node: ProxyNode) -> tuple[Encoded, ...]:
    """The inbound listeners of a sidecar: none where nothing is redirected."""
    if node.type != "sidecar" or node.interception_mode == "NONE":
        return ()
    return (virtual_inbound(db, inbound_view(db, node)),)


@query
def virtual_inbound(db: Database, view: InboundView) -> Encoded:
    """The encoded listener of a view."""
    return encode(NAME, listener(db, view))


def inbound_cluster(port: int) -> str:
    """Name of the cluster that leads to a port of the workload."""
    return f"inbound|{port}||"


def listener(db: Database, view: InboundView) -> Listener:
    """The listener message of a view."""
    config = mesh_config(db)
    port = config.proxy_inbound_listen_port
    chains = [_blackhole(port)]
    for group in _ports(view, port):
        chains += [_chain(db, group, kind, view) for kind in chain_kinds(group.speaks, group.mode)]
    made = Listener(
        name=NAME,
        address=socket_address(_wildcards(view)[0], port),
        additional_addresses=[AdditionalAddress(address=socket_address(other, port)) for other in _wildcards(view)[1:]],
        traffic_direction=TrafficDirection.INBOUND,
        filter_chains=chains,
        listener_filters=[original_dst(), *inspectors(chains)],
        listener_filters_timeout=duration(config.protocol_detection_timeout),
        continue_on_listener_filters_timeout=True,
        max_connections_to_accept_per_socket_event=uint32(1),
        access_log=listener_access_logs(db),
    )
    if view.interception == "TPROXY":
        made.transparent.CopyFrom(BoolValue(value=True))
    return made


def _wildcards(view: InboundView) -> tuple[str, ...]:
    return (("0.0.0.0",) if view.ipv4 else ()) + (("::",) if view.ipv6 else ())


def _ports(view: InboundView, own: int) -> Iterator[_Port]:
    """The groups of chains: all other ports, ports that only a policy names, ports of services. Never the listener's
    own port, which would lead back to it.
    """
    bind = _wildcards(view)[0]
    of_services = {target.port for target in view.targets} | {own}
    yield _Port(0, "sniffed", view.modes.mode, PASSTHROUGH_CLUSTER, bind)
    for number, mode in view.modes.ports:
        if number not in of_services:
            yield _Port(number, "sniffed", mode, PASSTHROUGH_CLUSTER, bind)
    for target in view.targets:
        yield _Port(
            target.port, _speaks(target), view.modes.of(target.port), inbound_cluster(target.port), bind, target
        )


def _speaks(target: ServiceTarget) -> Speaks:
    if target.protocol.is_http:
        return "http"
    return "sniffed" if target.protocol.is_sniffed else "tcp"


def _chain(db: Database, port: _Port, kind: ChainKind, view: InboundView) -> FilterChain:
    match = FilterChainMatch(transport_protocol=kind.transport, application_protocols=kind.alpn)
    if port.number:
        match.destination_port.value = port.number
    filters = [_http(db, port, view)] if kind.carries == "http" else _tcp(db, port, view.policies)
    chain = FilterChain(name=port.chain_name(kind), filter_chain_match=match, filters=filters)
    if kind.mutual_tls:
        chain.transport_socket.CopyFrom(socket(mutual_tls(db, kind.carries)))
    return chain


def _blackhole(port: int) -> FilterChain:
    """Connections to the listener's own port would come back to it for ever."""
    proxy = TcpProxy(stat_prefix=BLACKHOLE_CLUSTER, cluster=BLACKHOLE_CLUSTER)
    return FilterChain(
        name=BLACKHOLE_CHAIN,
        filter_chain_match=FilterChainMatch(destination_port=uint32(port)),
        filters=[Filter(name="envoy.filters.network.tcp_proxy", typed_config=pack(proxy))],
    )


def _tcp(db: Database, port: _Port, policies: Applied) -> list[Filter]:
    proxy = TcpProxy(stat_prefix=port.cluster, cluster=port.cluster, access_log=access_logs(db))
    last = Filter(name="envoy.filters.network.tcp_proxy", typed_config=pack(proxy))
    return [*ext_authz.network_filters(db, policies), *rbac.network_filters(db, policies), last]


def _http(db: Database, port: _Port, view: InboundView) -> Filter:
    options = HcmOptions(
        direction="inbound",
        stat_prefix=port.stat_prefix,
        route_config=_routes(port),
        policies=view.policies,
        token_policies=view.token_policies,
        http2=port.target is not None and port.target.protocol.is_http2,
        grpc_web=port.target is not None and port.target.protocol is Protocol.GRPC_WEB,
    )
    return network_filter(db, options)


def _routes(port: _Port) -> RouteConfiguration:
    service_port = port.target.service_port if port.target is not None else 0
    hostname = port.target.hostname if port.target is not None else ""
    action = RouteAction(
        cluster=port.cluster,
        timeout=seconds(0),
        max_stream_duration=RouteAction.MaxStreamDuration(
            max_stream_duration=seconds(0), grpc_timeout_header_max=seconds(0)
        ),
    )
    if port.retries:
        action.retry_policy.CopyFrom(RetryPolicy(retry_on="reset-before-request", num_retries=uint32(_RETRIES)))
    route = Route(
        name="default",
        match=RouteMatch(prefix="/"),
        route=action,
        decorator=Decorator(operation=f"{hostname}:{service_port}/*"),
    )
    host = VirtualHost(name=f"inbound|http|{service_port}", domains=["*"], routes=[route])
    return RouteConfiguration(name=port.cluster, virtual_hosts=[host], validate_clusters=BoolValue(value=False))
