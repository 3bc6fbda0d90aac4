"""The TCP filter chains of outbound listeners.

In: a service port reached as bytes, and the TLS and TCP rules of its VirtualService. Out: `Chain`s (what they match,
and the proxy filter). Rule: a rule's server names and address ranges become matches of chains; what no rule takes
goes to the service itself. Where a service has no address of its own, its TLS is told apart by the server name.
"""

from collections.abc import Iterable, Iterator
from typing import Any as Message

import msgspec
from envoy.config.core.v3 import address_pb2
from envoy.config.listener.v3 import listener_components_pb2
from envoy.extensions.filters.network.tcp_proxy.v3 import tcp_proxy_pb2
from envoy.type.v3 import hash_policy_pb2

from lateen.engine import Database
from lateen.mesh.hosts import is_ip
from lateen.mesh.routing import MESH, ROUTES, Routing, routing_for
from lateen.mesh.services import UNSPECIFIED, Service, service_named
from lateen.mesh.views import OutboundView
from lateen.resources.virtual_service import L4MatchAttributes, RouteDestination
from lateen.xds.access_log import access_logs
from lateen.xds.any import pack
from lateen.xds.outbound_plan import TcpTarget
from lateen.xds.route_builder import RouteContext, consistent_hash, destination_cluster, for_caller
from lateen.xds.values import shares, uint32

TCP_PROXY = "envoy.filters.network.tcp_proxy"

Weighted = tuple[tuple[str, int], ...]


class Chain(msgspec.Struct, frozen=True, gc=False):
    """One TCP filter chain: connections with one of `snis` (if any) to one of `cidrs` (if any) go to `clusters` by
    weight.
    """

    clusters: Weighted
    snis: tuple[str, ...] = ()
    cidrs: tuple[str, ...] = ()


def tcp_proxy(db: Database, view: OutboundView, clusters: Weighted) -> Message:
    """A filter that passes bytes on to one cluster, or to several by weight."""
    proxy = tcp_proxy_pb2.TcpProxy(stat_prefix=clusters[0][0], access_log=access_logs(db))
    if len(clusters) == 1:
        proxy.cluster = clusters[0][0]
    else:
        shares = proxy.weighted_clusters.clusters
        shares.extend(
            tcp_proxy_pb2.TcpProxy.WeightedCluster.ClusterWeight(name=name, weight=weight) for name, weight in clusters
        )
    hashed = consistent_hash(db, view, clusters[0][0])
    if hashed is not None and hashed.use_source_ip:
        proxy.hash_policy.append(hash_policy_pb2.HashPolicy(source_ip=hash_policy_pb2.HashPolicy.SourceIp()))
    return listener_components_pb2.Filter(name=TCP_PROXY, typed_config=pack(proxy))


def _clusters(db: Database, context: RouteContext, targets: Iterable[RouteDestination], namespace: str) -> Weighted:
    listed = tuple(targets)
    named = [(destination_cluster(db, context, item.destination, namespace), item.weight or 0) for item in listed]
    if len(named) == 1:
        return ((named[0][0], 1),)
    kept = [(name, weight) for name, weight in named if weight]
    return tuple(zip((name for name, _ in kept), shares([weight for _, weight in kept]), strict=True))


def _tls_chains(db: Database, context: RouteContext, routing: Routing, target: TcpTarget) -> Iterator[Chain]:
    for rule in routing.spec.tls:
        for match in rule.match:
            clusters = _clusters(db, context, rule.route, routing.key.namespace)
            if clusters and for_caller(context, match, routing.key.namespace):
                yield Chain(clusters, tuple(match.sni_hosts), tuple(match.destination_subnets) or target.cidrs)


def _tcp_chains(db: Database, context: RouteContext, routing: Routing, target: TcpTarget) -> Iterator[Chain]:
    for rule in routing.spec.tcp:
        clusters = _clusters(db, context, rule.route, routing.key.namespace)
        for match in rule.match or (L4MatchAttributes(),):
            if clusters and for_caller(context, match, routing.key.namespace):
                yield Chain(clusters, (), tuple(match.destination_subnets) or target.cidrs)


def _own_chain(service: Service, target: TcpTarget, bind: str) -> Chain:
    port = service.port(target.port)
    tls = port is not None and port.protocol.is_tls
    by_name = tls and bind == UNSPECIFIED and not target.cidrs and not is_ip(service.hostname)
    name = f"outbound|{target.port}||{service.hostname}"
    return Chain(((name, 1),), (service.hostname,) if by_name else (), target.cidrs)


def target_chains(db: Database, view: OutboundView, target: TcpTarget, bind: str) -> tuple[Chain, ...]:
    """The chains of one service port, most particular first."""
    service = service_named(db, view.namespace, target.host)
    if service is None:
        return ()
    context = RouteContext(view=view, gateways=(MESH,), port=target.port)
    key = routing_for(db, view.namespace, target.host)
    routing = db.get(ROUTES, key) if key is not None else None
    chains: list[Chain] = []
    if routing is not None:
        port = service.port(target.port)
        if port is None or not port.protocol.is_tcp or port.protocol.is_tls:
            chains += _tls_chains(db, context, routing, target)
        chains += _tcp_chains(db, context, routing, target)
    own = _own_chain(service, target, bind)
    if not any((chain.snis, chain.cidrs) == (own.snis, own.cidrs) for chain in chains):
        chains.append(own)
    return tuple(chains)


def chain_match(chain: Chain) -> Message:
    """What a chain matches, as Envoy's message; None if it takes everything."""
    if not chain.snis and not chain.cidrs:
        return None
    out = listener_components_pb2.FilterChainMatch(server_names=chain.snis)
    for cidr in chain.cidrs:
        address, _, length = cidr.partition("/")
        full = 128 if ":" in address else 32
        out.prefix_ranges.append(address_pb2.CidrRange(address_prefix=address, prefix_len=uint32(int(length or full))))
    return out
