"""Route tables of a gateway (RDS): which host leads to which VirtualService's routes.

In: `GatewayView` and the table's name, `http.PORT` or `https.PORT.PORTNAME.GATEWAY.NAMESPACE`. Out: encoded route
tables. Rule: only hosts that both a server and a VirtualService name are served; everything else is answered 404.
Several VirtualServices of one host are joined, older first, with routes that take everything last.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any as Message
from typing import Final

from envoy.config.route.v3.route_components_pb2 import VirtualHost
from envoy.config.route.v3.route_pb2 import RouteConfiguration

from lateen.engine import Database, query
from lateen.mesh.gateways import GatewayServer, GatewayView, bound, gateway_view, server_spec
from lateen.mesh.node import ProxyNode
from lateen.mesh.views import OutboundView, outbound_view
from lateen.xds.encode import Encoded, encode
from lateen.xds.route_builder import RouteContext, virtual_service_routes
from lateen.xds.route_match import is_catch_all
from lateen.xds.values import boolean, uint32

_MAX_BODY: Final = 1024 * 1024


@dataclass(slots=True)
class _Host:
    """A virtual host as it is put together."""

    name: str
    routes: list[Message] = field(default_factory=list)
    https_only: bool = False


@query
def gateway_routes(db: Database, node: ProxyNode, names: tuple[str, ...]) -> tuple[Encoded, ...]:
    """The route tables of these names; one that no server has (its listener is draining) is empty."""
    view, outbound = gateway_view(db, node), outbound_view(db, node)
    return tuple(gateway_route(db, view, outbound, name) for name in sorted(set(names)))


@query
def gateway_route(db: Database, view: GatewayView, outbound: OutboundView, name: str) -> Encoded:
    """One encoded route table."""
    return encode(name, route_table(db, view, outbound, name))


def route_table(db: Database, view: GatewayView, outbound: OutboundView, name: str) -> RouteConfiguration:
    """The route table message of that name."""
    servers = [server for server in view.servers if server.route_name == name]
    return RouteConfiguration(
        name=name,
        virtual_hosts=_virtual_hosts(db, outbound, servers),
        validate_clusters=boolean(False),
        ignore_port_in_host_matching=True,
        max_direct_response_body_size_bytes=uint32(_MAX_BODY),
    )


def _virtual_hosts(db: Database, outbound: OutboundView, servers: Iterable[GatewayServer]) -> list[VirtualHost]:
    hosts: dict[str, _Host] = {}
    port = 0
    for server in servers:
        port = port or server.number
        _add_server(db, outbound, server, hosts)
    if not hosts:
        return [VirtualHost(name=f"blackhole:{port}", domains=["*"])]
    return [_virtual_host(domain, host) for domain, host in sorted(hosts.items())]


def _add_server(db: Database, outbound: OutboundView, server: GatewayServer, hosts: dict[str, _Host]) -> None:
    spec = server_spec(db, server)
    https_only = spec is not None and spec.tls is not None and spec.tls.https_redirect
    context = RouteContext(view=outbound, gateways=(server.name,), port=server.number, tls=bool(server.tls_mode))
    for key, served in bound(db, server):
        routes = virtual_service_routes(db, context, key)
        for domain in served if routes else ():
            host = hosts.setdefault(domain, _Host(f"{domain}:{server.number}"))
            host.routes += routes
            host.https_only |= https_only
    for domain in server.patterns if https_only else ():
        hosts.setdefault(domain, _Host(f"{domain}:{server.number}")).https_only = True


def _virtual_host(domain: str, host: _Host) -> VirtualHost:
    # Stable: among routes of one sort the older VirtualService's come first.
    routes = sorted(host.routes, key=lambda route: is_catch_all(route.match))
    made = VirtualHost(name=host.name, domains=[domain], routes=routes, include_request_attempt_count=True)
    if host.https_only:
        made.require_tls = VirtualHost.ALL
    return made
