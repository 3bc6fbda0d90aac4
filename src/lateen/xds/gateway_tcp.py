"""TCP and passed-through TLS at a gateway: chains that lead where the `tcp` and `tls` rules of VirtualServices say.

In: a server that does not parse HTTP. Out: its chains. Rule: the first TCP rule whose conditions on port and gateway
hold takes all connections; of TLS rules each gives a chain for its server names, and a name that an older rule has is
left out, because Envoy would refuse the listener.
"""

from collections.abc import Iterator, Sequence

from envoy.config.listener.v3.listener_components_pb2 import Filter
from envoy.extensions.filters.network.tcp_proxy.v3.tcp_proxy_pb2 import TcpProxy

from lateen.engine import Database
from lateen.mesh.gateways import GatewayServer, GatewayView, bound
from lateen.mesh.hosts import covers
from lateen.mesh.routing import ROUTES, Routing, qualified_gateway
from lateen.mesh.views import OutboundView
from lateen.resources.virtual_service import L4MatchAttributes, RouteDestination, TLSMatchAttributes
from lateen.xds.access_log import access_logs
from lateen.xds.any import pack
from lateen.xds.filters import ext_authz, rbac
from lateen.xds.route_builder import RouteContext, destination_cluster


def _holds(match: L4MatchAttributes | TLSMatchAttributes, server: GatewayServer, namespace: str) -> bool:
    gateways = [qualified_gateway(name, namespace) for name in match.gateways]
    return match.port in (None, 0, server.number) and (not gateways or server.name in gateways)


def _routings(db: Database, server: GatewayServer) -> Iterator[Routing]:
    for key, _ in bound(db, server):
        routing = db.get(ROUTES, key)
        if routing is not None:
            yield routing


def _proxy(
    db: Database, view: OutboundView, server: GatewayServer, routing: Routing, routes: Sequence[RouteDestination]
) -> TcpProxy | None:
    context = RouteContext(view=view, gateways=(server.name,), port=server.number)
    clusters = [
        (destination_cluster(db, context, one.destination, routing.key.namespace), one.weight or 0) for one in routes
    ]
    if len(clusters) == 1:
        clusters = [(clusters[0][0], 1)]
    weighted = [(cluster, weight) for cluster, weight in clusters if weight]
    proxy = TcpProxy(stat_prefix=f"{routing.key.name}.{routing.key.namespace}", access_log=access_logs(db))
    if not weighted:
        return None
    if len(weighted) == 1:
        proxy.cluster = weighted[0][0]
        return proxy
    for cluster, weight in weighted:
        proxy.weighted_clusters.clusters.add(name=cluster, weight=weight)
    return proxy


def _filters(db: Database, view: GatewayView, proxy: TcpProxy) -> list[Filter]:
    last = Filter(name="envoy.filters.network.tcp_proxy", typed_config=pack(proxy))
    return [*ext_authz.network_filters(db, view.policies), *rbac.network_filters(db, view.policies), last]


def tcp_filters(db: Database, outbound: OutboundView, view: GatewayView, server: GatewayServer) -> list[Filter]:
    """The filters of a server that takes bytes; none if no rule leads anywhere."""
    for routing in _routings(db, server):
        for rule in routing.spec.tcp:
            if rule.match and not any(_holds(match, server, routing.key.namespace) for match in rule.match):
                continue
            proxy = _proxy(db, outbound, server, routing, rule.route)
            if proxy is not None:
                return _filters(db, view, proxy)
    return []


def tls_chains(
    db: Database, outbound: OutboundView, view: GatewayView, server: GatewayServer
) -> Iterator[tuple[tuple[str, ...], list[Filter]]]:
    """(server names, filters) of each rule for TLS that passes through."""
    taken: set[str] = set()
    for routing in _routings(db, server):
        for rule in routing.spec.tls:
            for match in rule.match:
                names = _names(match, server, routing.key.namespace, taken)
                proxy = _proxy(db, outbound, server, routing, rule.route) if names else None
                if proxy is not None:
                    taken.update(names)
                    yield names, _filters(db, view, proxy)


def _names(match: TLSMatchAttributes, server: GatewayServer, namespace: str, taken: set[str]) -> tuple[str, ...]:
    """The server names of a rule that hold here: allowed by the server's hosts and not taken."""
    if not _holds(match, server, namespace):
        return ()
    allowed = [host for scope, host in server.hosts if scope in ("", namespace)]
    names = (name.lower() for name in match.sni_hosts)
    return tuple(name for name in names if name not in taken and any(covers(host, name) for host in allowed))
