"""The services that a sidecar knows: what `exportTo` lets it see, cut down by its Sidecar resource.

In: an outbound view. Out: host names, and the policy for hosts that nobody declared. Rule: without a Sidecar
everything visible is in scope; gateways take everything that is visible.
"""

from typing import Literal

from lateen.engine import Database, query
from lateen.mesh.domain import cluster_domain
from lateen.mesh.hosts import covers, qualify
from lateen.mesh.meshconfig import outbound_mode
from lateen.mesh.routing import HEADS, ROUTES, destinations, mesh_routings
from lateen.mesh.services import service_named, visible_hosts
from lateen.mesh.views import OutboundView
from lateen.resources.model import ResourceKey
from lateen.resources.tables import RESOURCES

Pattern = tuple[str, str]
"""(namespace, host pattern) of an egress host; both may be `*`."""


def egress_pattern(text: str, namespace: str) -> Pattern:
    """Read `namespace/host`: `.` is the Sidecar's own namespace, `~` none."""
    place, slash, host = text.partition("/")
    if not slash:
        return ("*", text.lower())
    return (namespace if place == "." else place, host.lower())


@query
def egress_patterns(db: Database, sidecar: ResourceKey, namespace: str) -> tuple[Pattern, ...]:
    """The egress hosts of a Sidecar, of all its listeners together; none at all means everything."""
    resource = db.get(RESOURCES, sidecar)
    if resource is None or not resource.spec.egress:
        return (("*", "*"),)
    patterns = [egress_pattern(host, namespace) for listener in resource.spec.egress for host in listener.hosts]
    return tuple(dict.fromkeys(patterns))


def _listed(patterns: tuple[Pattern, ...], namespace: str, host: str) -> bool:
    return any(place in ("*", namespace) and covers(pattern, host) for place, pattern in patterns)


def _destinations(db: Database, view: OutboundView, patterns: tuple[Pattern, ...]) -> set[str]:
    """Hosts that the listed VirtualServices send to: in scope too, or their routes would lead nowhere."""
    domain = cluster_domain(db)
    found: set[str] = set()
    for key in mesh_routings(db, view.namespace):
        head = db.get(HEADS, key)
        if head is None or not any(_listed(patterns, key.namespace, host) for host in head.hosts):
            continue
        routing = db.get(ROUTES, key)
        if routing is None:
            continue
        found |= {qualify(target.host, key.namespace, domain) for target in destinations(routing.spec)}
    return found


@query
def scope_hosts(db: Database, view: OutboundView) -> tuple[str, ...]:
    """The host names that the view's proxies are told about, sorted."""
    hosts = visible_hosts(db, view.namespace)
    if view.sidecar is None:
        return hosts
    patterns = egress_patterns(db, view.sidecar, view.namespace)
    if ("*", "*") in patterns:
        return hosts
    targets = _destinations(db, view, patterns)
    kept = []
    for host in hosts:
        service = service_named(db, view.namespace, host)
        if host in targets or (service is not None and _listed(patterns, service.namespace, host)):
            kept.append(host)
    return tuple(kept)


@query
def imported_routings(db: Database, view: OutboundView) -> tuple[ResourceKey, ...]:
    """The VirtualServices that the view's proxies are told about, oldest first: a Sidecar lists them as it does
    services.
    """
    keys = mesh_routings(db, view.namespace)
    if view.sidecar is None:
        return keys
    patterns = egress_patterns(db, view.sidecar, view.namespace)
    heads = ((key, db.get(HEADS, key)) for key in keys)
    return tuple(
        key
        for key, head in heads
        if head is not None and any(_listed(patterns, key.namespace, host) for host in head.hosts)
    )


@query
def unknown_hosts(db: Database, view: OutboundView) -> Literal["ALLOW_ANY", "REGISTRY_ONLY"]:
    """What the view's proxies do with traffic for unknown hosts."""
    resource = db.get(RESOURCES, view.sidecar) if view.sidecar is not None else None
    if resource is None or resource.spec.outbound_traffic_policy is None:
        return outbound_mode(db)
    return "ALLOW_ANY" if resource.spec.outbound_traffic_policy.mode == "ALLOW_ANY" else "REGISTRY_ONLY"
