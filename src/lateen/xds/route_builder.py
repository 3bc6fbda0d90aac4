"""Envoy routes from VirtualServices, for sidecars and gateways alike.

In: who asks (`RouteContext`) and which VirtualService. Out: Envoy Route messages, in order, up to the first that
takes everything. Rule: a rule that cannot be made (an odd redirect code), or is for other callers, is left out; its
neighbours are untouched. A destination that nobody declared stays in the route: Envoy answers 503 for its cluster, as
Istio's does.
"""

from typing import Any as Message

import msgspec
from envoy.config.route.v3 import route_components_pb2 as route_pb2

from lateen.engine import Database
from lateen.mesh.destinations import destination_for, for_port, over
from lateen.mesh.domain import cluster_domain
from lateen.mesh.hosts import parse_subset_key, qualify, subset_key
from lateen.mesh.meshconfig import mesh_config
from lateen.mesh.routing import ROUTES, Routing, qualified_gateway
from lateen.mesh.routing_findings import leads_somewhere
from lateen.mesh.selectors import labels_of
from lateen.mesh.services import Resolution, service_named
from lateen.mesh.views import OutboundView
from lateen.resources.destination_rule import ConsistentHashLB
from lateen.resources.model import ResourceKey
from lateen.resources.selectors import Destination
from lateen.resources.virtual_service import HTTPMatchRequest, HTTPRoute, L4MatchAttributes, TLSMatchAttributes
from lateen.xds.any import pack
from lateen.xds.clusters_build import rule_path
from lateen.xds.route_actions import Resolve, apply_action, set_timeout
from lateen.xds.route_match import is_catch_all, route_match
from lateen.xds.route_policies import CORS_FILTER, FAULT_FILTER, cors, edit_headers, fault, hash_policy, retry_policy


class RouteContext(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """For whom routes are made: `gateways` are `("mesh",)` or `namespace/name`; `port` is the one that clients
    connect to.
    """

    view: OutboundView
    gateways: tuple[str, ...]
    port: int
    tls: bool = False


def for_caller(
    context: RouteContext, match: HTTPMatchRequest | TLSMatchAttributes | L4MatchAttributes | None, namespace: str
) -> bool:
    """Whether a match of a VirtualService in `namespace` can hold for these callers: port, gateways and sources."""
    if match is None:
        return True
    if match.port and match.port != context.port:
        return False
    if match.gateways:
        return any(qualified_gateway(name, namespace) in context.gateways for name in match.gateways)
    wanted = labels_of(match.source_labels)
    if wanted and wanted not in context.view.sources:
        return False
    return not match.source_namespace or match.source_namespace == context.view.namespace


def destination_cluster(db: Database, context: RouteContext, destination: Destination, namespace: str) -> str:
    """The cluster of a destination. Without a port it is the service's only one, else the one that the client
    connects to.
    """
    host = qualify(destination.host, namespace, cluster_domain(db))
    service = service_named(db, context.view.namespace, host)
    if service is not None and service.resolution is Resolution.ALIAS and service.alias_of:
        host = service.alias_of
    port = context.port
    if destination.port is not None and destination.port.number:
        port = destination.port.number
    elif service is not None and len(service.ports) == 1:
        port = service.ports[0].number
    return subset_key("outbound", destination.subset or "", host, port)


def consistent_hash(db: Database, view: OutboundView, cluster: str) -> ConsistentHashLB | None:
    """How the cluster's DestinationRule spreads requests by their content; None if it does not."""
    parsed = parse_subset_key(cluster)
    service = service_named(db, view.namespace, parsed[3]) if parsed is not None else None
    if parsed is None or service is None:
        return None
    found = destination_for(db, view.namespace, view.destination_rules, service.namespace, service.hostname)
    if found is None:
        return None
    policy, subset = for_port(found.policy, parsed[1]), found.subset(parsed[2])
    policy = over(policy, subset.traffic_policy, parsed[1]) if subset is not None else policy
    return policy.load_balancer.consistent_hash if policy is not None and policy.load_balancer is not None else None


def _operation(out: Message, name: str, port: int) -> str:
    """What traces call the route."""
    kind = out.match.WhichOneof("path_specifier")
    path = {"prefix": f"{out.match.prefix}*", "path": out.match.path, "safe_regex": out.match.safe_regex.regex}.get(
        kind, "/*"
    )
    parsed = parse_subset_key(out.route.cluster) if out.WhichOneof("action") == "route" else None
    return f"{parsed[3]}:{parsed[1]}{path}" if parsed is not None else f"{name}:{port}{path}"


def _filters(out: Message, http: HTTPRoute) -> None:
    if http.fault is not None:
        injected = fault(http.fault)
        if injected is not None:
            out.typed_per_filter_config[FAULT_FILTER].CopyFrom(pack(injected))
    if http.cors_policy is not None:
        out.typed_per_filter_config[CORS_FILTER].CopyFrom(pack(cors(http.cors_policy)))


def _route_name(http: HTTPRoute, match: HTTPMatchRequest | None) -> str:
    name = http.name or ""
    return f"{name}.{match.name}" if match is not None and match.name else name


def _route(
    db: Database, context: RouteContext, routing: Routing, http: HTTPRoute, match: HTTPMatchRequest | None
) -> Message:
    out = route_pb2.Route(name=_route_name(http, match), match=route_match(match))
    out.metadata.filter_metadata["istio"].update({"config": rule_path(routing.key)})
    if match is not None and match.stat_prefix:
        out.stat_prefix = match.stat_prefix
    authority = edit_headers(out, http.headers)

    def cluster_of(destination: Destination) -> str:
        return destination_cluster(db, context, destination, routing.key.namespace)

    def hash_of(cluster: str) -> ConsistentHashLB | None:
        return consistent_hash(db, context.view, cluster)

    retries = http.retries if http.retries is not None else mesh_config(db).default_http_retry_policy
    apply_action(out, http, authority, Resolve(cluster_of, hash_of, context.port, context.tls, retries))
    out.decorator.operation = _operation(out, routing.key.name, context.port)
    _filters(out, http)
    return out


def virtual_service_routes(db: Database, context: RouteContext, key: ResourceKey) -> tuple[Message, ...]:
    """The routes of one VirtualService that hold for `context`, in order. Empty if none does."""
    routing = db.get(ROUTES, key)
    made: list[Message] = []
    if routing is None:
        return ()
    for http in filter(leads_somewhere, routing.spec.http):
        for match in http.match or (None,):
            if not for_caller(context, match, key.namespace):
                continue
            made.append(_route(db, context, routing, http, match))
            if is_catch_all(made[-1].match):
                return tuple(made)
    return tuple(made)


def default_route(db: Database, host: str, port: int, spread: ConsistentHashLB | None) -> Message:
    """The route to a service that no VirtualService speaks about."""
    cluster = subset_key("outbound", "", host, port)
    out = route_pb2.Route(name="default", match=route_match(None))
    out.decorator.operation = f"{host}:{port}/*"
    action = out.route
    action.cluster = cluster
    set_timeout(action, None)
    policy = retry_policy(mesh_config(db).default_http_retry_policy)
    if policy is not None:
        action.retry_policy.CopyFrom(policy)
    hashed = hash_policy(spread)
    if hashed is not None:
        action.hash_policy.append(hashed)
    return out
