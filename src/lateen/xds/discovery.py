"""What a proxy wants: the one question that the streams of the control plane ask.

In: a proxy, a type URL, and names (None: all, for types that are subscribed by wildcard). Out: encoded resources.
Rule: this is only the table of contents. Each entry is a query of its own in the file that knows the topic; what does
not exist is left out of the answer.
"""

from collections.abc import Callable
from typing import Any

from lateen.engine import Collection, Database, query
from lateen.mesh.destinations import DESTINATION_RULES
from lateen.mesh.endpoints import SLICES
from lateen.mesh.endpoints_identity import ACCOUNTS
from lateen.mesh.node import ProxyNode
from lateen.mesh.routing import ROUTES, SOURCE_SELECTORS
from lateen.mesh.services import SERVICES
from lateen.mesh.views import EndpointView, OutboundView, endpoint_view, outbound_view
from lateen.mesh.workloads import WORKLOADS
from lateen.xds.clusters import outbound_clusters
from lateen.xds.encode import CLUSTER, ENDPOINT, LISTENER, ROUTE, SECRET, Encoded
from lateen.xds.endpoints import load_assignment
from lateen.xds.gateway_listeners import gateway_listeners
from lateen.xds.gateway_routes import gateway_routes
from lateen.xds.inbound_clusters import inbound_clusters
from lateen.xds.inbound_listeners import inbound_listeners
from lateen.xds.outbound_listeners import outbound_listeners
from lateen.xds.routes import outbound_route
from lateen.xds.secrets import secrets

Names = tuple[str, ...]


def _listeners(db: Database, node: ProxyNode) -> tuple[Encoded, ...]:
    if node.type == "router":
        return gateway_listeners(db, node)
    return (*outbound_listeners(db, node), *inbound_listeners(db, node))


def _clusters(db: Database, node: ProxyNode) -> tuple[Encoded, ...]:
    outbound = outbound_clusters(db, outbound_view(db, node))
    return outbound if node.type == "router" else (*outbound, *inbound_clusters(db, node))


@query
def view_routes(db: Database, view: OutboundView, names: Names) -> tuple[Encoded, ...]:
    """The route tables of these names, made once for all proxies of the view."""
    found = (outbound_route(db, view, name) for name in names)
    return tuple(route for route in found if route is not None)


@query
def view_endpoints(db: Database, view: OutboundView, endpoint: EndpointView, names: Names) -> tuple[Encoded, ...]:
    """The load assignments of these clusters, made once for all proxies of the views."""
    found = (load_assignment(db, view, endpoint, name) for name in names)
    return tuple(assignment for assignment in found if assignment is not None)


def _routes(db: Database, node: ProxyNode, names: Names) -> tuple[Encoded, ...]:
    if node.type == "router":
        return gateway_routes(db, node, names)
    return view_routes(db, outbound_view(db, node), names)


def _endpoints(db: Database, node: ProxyNode, names: Names) -> tuple[Encoded, ...]:
    return view_endpoints(db, outbound_view(db, node), endpoint_view(db, node), names)


_ALL: dict[str, Callable[[Database, ProxyNode], tuple[Encoded, ...]]] = {LISTENER: _listeners, CLUSTER: _clusters}
_NAMED: dict[str, Callable[[Database, ProxyNode, Names], tuple[Encoded, ...]]] = {
    ROUTE: _routes,
    ENDPOINT: _endpoints,
    SECRET: secrets,
}

_DERIVED: tuple[Collection[Any, Any], ...] = (
    SERVICES, WORKLOADS, ACCOUNTS, SLICES, ROUTES, SOURCE_SELECTORS, DESTINATION_RULES,
)  # fmt: skip


def prepare(db: Database) -> None:
    """Derive what every answer is made from, so that the first proxies do not wait for it."""
    for collection in _DERIVED:
        db.keys(collection)


@query
def wanted(db: Database, node: ProxyNode, type_url: str, names: Names | None) -> tuple[Encoded, ...]:
    """The resources of a type that `node` is to have. Of listeners and clusters all (or those named); of the others
    those named.
    """
    whole: Any = _ALL.get(type_url)
    if whole is not None:
        found: tuple[Encoded, ...] = whole(db, node)
        return found if names is None else tuple(item for item in found if item.name in set(names))
    named = _NAMED.get(type_url)
    return named(db, node, names) if named is not None and names else ()
