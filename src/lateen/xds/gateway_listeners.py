"""Listeners of a gateway: one for each address and port that its servers name.

In: `GatewayView`. Out: encoded listeners. Rule: Istio's shape: a plain HTTP port has one chain; TLS servers each have
their own, chosen by the name that the client asks for. Route tables come over RDS, so hosts come and go without
touching a connection.
"""

from collections.abc import Iterator
from typing import Final

from envoy.config.core.v3.base_pb2 import TrafficDirection
from envoy.config.listener.v3.listener_components_pb2 import Filter, FilterChain, FilterChainMatch
from envoy.config.listener.v3.listener_pb2 import AdditionalAddress, Listener

from lateen.engine import Database, query
from lateen.mesh.gateways import GatewayServer, GatewayView, gateway_view, server_spec
from lateen.mesh.node import ProxyNode
from lateen.mesh.protocols import Protocol
from lateen.mesh.views import OutboundView, outbound_view
from lateen.xds.access_log import listener_access_logs
from lateen.xds.encode import Encoded, encode
from lateen.xds.gateway_tcp import tcp_filters, tls_chains
from lateen.xds.gateway_tls import context
from lateen.xds.hcm import network_filter
from lateen.xds.hcm_options import HcmOptions
from lateen.xds.inbound_chains import TLS
from lateen.xds.inspectors import tls_inspector
from lateen.xds.tls_server import socket
from lateen.xds.values import seconds, socket_address, uint32

HANDSHAKE_TIMEOUT: Final = 15.0

Address = tuple[str, int]


@query
def gateway_listeners(db: Database, node: ProxyNode) -> tuple[Encoded, ...]:
    """The listeners of a gateway's proxy; a sidecar has none of this sort."""
    if node.type != "router":
        return ()
    view, outbound = gateway_view(db, node), outbound_view(db, node)
    addresses = sorted({_address(server, view) for server in view.servers})
    found = (gateway_listener(db, view, outbound, address) for address in addresses)
    return tuple(one for one in found if one is not None)


def _wildcards(view: GatewayView) -> tuple[str, ...]:
    return (("0.0.0.0",) if view.ipv4 else ()) + (("::",) if view.ipv6 else ())


def _address(server: GatewayServer, view: GatewayView) -> Address:
    return (server.bind or _wildcards(view)[0], server.port)


@query
def gateway_listener(db: Database, view: GatewayView, outbound: OutboundView, address: Address) -> Encoded | None:
    """One listener; None if none of its servers leads anywhere."""
    made = listener(db, view, outbound, address)
    return encode(made.name, made) if made.filter_chains else None


def listener(db: Database, view: GatewayView, outbound: OutboundView, address: Address) -> Listener:
    """The listener message of one address."""
    host, port = address
    servers = [server for server in view.servers if _address(server, view) == address]
    chains = list(_chains(db, view, outbound, servers))
    wildcards = _wildcards(view)
    others = wildcards[1:] if host == wildcards[0] else ()
    return Listener(
        name=f"{host}_{port}",
        address=socket_address(host, port),
        additional_addresses=[AdditionalAddress(address=socket_address(other, port)) for other in others],
        traffic_direction=TrafficDirection.OUTBOUND,
        filter_chains=chains,
        listener_filters=[tls_inspector()] if any(server.tls_mode for server in servers) else [],
        max_connections_to_accept_per_socket_event=uint32(1),
        access_log=listener_access_logs(db),
    )


def _chains(
    db: Database, view: GatewayView, outbound: OutboundView, servers: list[GatewayServer]
) -> Iterator[FilterChain]:
    plain = next((server for server in servers if not server.tls_mode), None)
    if plain is not None:
        filters = [_http(db, view, plain)] if plain.route_name else tcp_filters(db, outbound, view, plain)
        if filters:
            yield FilterChain(filters=filters)
    for server in servers:
        if server.terminates:
            yield from _terminated(db, view, outbound, server)
        elif server.tls_mode == "PASSTHROUGH":
            for names, filters in tls_chains(db, outbound, view, server):
                yield FilterChain(filter_chain_match=_match(names), filters=filters)


def _match(names: tuple[str, ...]) -> FilterChainMatch:
    return FilterChainMatch(transport_protocol=TLS, server_names=() if "*" in names else names)


def _terminated(
    db: Database, view: GatewayView, outbound: OutboundView, server: GatewayServer
) -> Iterator[FilterChain]:
    spec = server_spec(db, server)
    if spec is None or spec.tls is None:
        return
    filters = [_http(db, view, server)] if server.route_name else tcp_filters(db, outbound, view, server)
    if filters:
        tls = context(db, spec.tls, http=bool(server.route_name))
        chain = FilterChain(filter_chain_match=_match(server.patterns), filters=filters, transport_socket=socket(tls))
        chain.transport_socket_connect_timeout.CopyFrom(seconds(HANDSHAKE_TIMEOUT))
        yield chain


def _http(db: Database, view: GatewayView, server: GatewayServer) -> Filter:
    bind, port = _address(server, view)
    spec = server_spec(db, server)
    named = spec.name if spec is not None and server.terminates and spec.name else ""
    options = HcmOptions(
        direction="gateway",
        stat_prefix=named or f"outbound_{bind}_{port}",
        rds=server.route_name,
        policies=view.policies,
        token_policies=view.token_policies,
        http2=server.protocol.is_http2,
        grpc_web=server.protocol is Protocol.GRPC_WEB,
    )
    return network_filter(db, options)
