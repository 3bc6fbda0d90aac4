"""Which VirtualService decides about a host, for whom.

In: VirtualService resources. Out: the collection `ROUTES` (one entry for each VirtualService, names completed) and
questions to it. Rule: the most specific host wins (exact before wildcard, longer before shorter), among equals the
oldest; `mesh` is the gateway of a VirtualService that names none. The rules themselves are not looked at here but by
whoever translates them.
"""

from collections.abc import Iterable

import msgspec

from lateen.engine import Collection, Database, query
from lateen.mesh.domain import cluster_domain
from lateen.mesh.hosts import covers, is_wildcard, qualify, specificity
from lateen.mesh.node import Labels
from lateen.mesh.routing_delegates import merged_rules
from lateen.mesh.selectors import labels_of
from lateen.mesh.validity import accepted
from lateen.mesh.visibility import default_route_exports, exports, seen_from
from lateen.resources.model import Resource, ResourceKey
from lateen.resources.selectors import Destination
from lateen.resources.tables import RESOURCES
from lateen.resources.virtual_service import HTTPRoute, VirtualServiceSpec

MESH = "mesh"


class Routing(msgspec.Struct, frozen=True, gc=False):
    """One VirtualService with its names completed. `gateways` are `mesh` or `namespace/name`."""

    key: ResourceKey
    hosts: tuple[str, ...]
    gateways: tuple[str, ...]
    exports: tuple[str, ...]
    created: str
    spec: VirtualServiceSpec

    @property
    def age(self) -> tuple[str, str, str]:
        """Sort key: oldest first, then by name and namespace, as Istio orders configuration."""
        return (self.created, self.key.name, self.key.namespace)


def qualified_gateway(name: str, namespace: str) -> str:
    """A gateway's name as `namespace/name`; `mesh` stays as it is."""
    return name if name == MESH or "/" in name else f"{namespace}/{name}"


def _delegate_rules(db: Database, rule: HTTPRoute, namespace: str) -> tuple[HTTPRoute, ...]:
    """The rules of the VirtualService that `rule` delegates to; none if it is not there, has hosts, or is not
    visible.
    """
    delegate = rule.delegate
    if delegate is None:
        return ()
    found = db.get(RESOURCES, ResourceKey("VirtualService", delegate.namespace or namespace, delegate.name or ""))
    if found is None or found.spec.hosts or not accepted(db, found.key):
        return ()
    visible = seen_from(exports(found.spec.export_to, found.namespace, default_route_exports(db)), namespace)
    rules: tuple[HTTPRoute, ...] = found.spec.http
    return tuple(_qualified(db, leaf, found.namespace) for leaf in rules) if visible else ()


def _qualified(db: Database, rule: HTTPRoute, namespace: str) -> HTTPRoute:
    """A delegate's rule with full host names: short ones are meant in the delegate's own namespace."""
    domain = cluster_domain(db)

    def full(destination: Destination) -> Destination:
        return msgspec.structs.replace(destination, host=qualify(destination.host, namespace, domain))

    return msgspec.structs.replace(
        rule,
        route=tuple(msgspec.structs.replace(item, destination=full(item.destination)) for item in rule.route),
        mirror=full(rule.mirror) if rule.mirror is not None else None,
        mirrors=tuple(msgspec.structs.replace(item, destination=full(item.destination)) for item in rule.mirrors),
    )


def _expanded(db: Database, resource: Resource) -> VirtualServiceSpec:
    """The spec with rules in the place of those that delegate."""
    spec: VirtualServiceSpec = resource.spec
    if not any(rule.delegate is not None for rule in spec.http):
        return spec
    rules: list[HTTPRoute] = []
    for rule in spec.http:
        if rule.delegate is None:
            rules.append(rule)
        else:
            rules.extend(merged_rules(rule, _delegate_rules(db, rule, resource.namespace)))
    return msgspec.structs.replace(spec, http=tuple(rules))


def _routing(db: Database, key: ResourceKey, resource: Resource) -> Iterable[tuple[ResourceKey, Routing]]:
    if key.kind != "VirtualService" or not resource.spec.hosts or not accepted(db, key):
        return  # without hosts it is only a delegate of others
    domain = cluster_domain(db)
    yield (
        key,
        Routing(
            key=key,
            hosts=tuple(dict.fromkeys(qualify(host, key.namespace, domain) for host in resource.spec.hosts)),
            gateways=tuple(
                dict.fromkeys(qualified_gateway(name, key.namespace) for name in resource.spec.gateways or (MESH,))
            ),
            exports=exports(resource.spec.export_to, key.namespace, default_route_exports(db)),
            created=resource.meta.creation_timestamp,
            spec=_expanded(db, resource),
        ),
    )


def _mesh_hosts(_key: ResourceKey, routing: Routing) -> Iterable[str]:
    if MESH in routing.gateways:
        # All wildcards share one bucket: a question for a host has to look at each of them.
        return {"*" if is_wildcard(host) else host for host in routing.hosts}
    return ()


ROUTES: Collection[ResourceKey, Routing] = Collection(
    "routes",
    RESOURCES,
    _routing,
    indexes={
        "mesh_host": _mesh_hosts,
        "gateway": lambda _key, routing: routing.gateways,
    },
)
"""VirtualServices by their key; those without hosts (delegates) are left out."""


class Head(msgspec.Struct, frozen=True, gc=False):
    """A VirtualService for sidecars without its rules: what decides whom it concerns. `http`: whether it has such."""

    hosts: tuple[str, ...]
    exports: tuple[str, ...]
    age: tuple[str, str, str]
    http: bool


def _head(_db: Database, key: ResourceKey, routing: Routing) -> Iterable[tuple[ResourceKey, Head]]:
    if MESH in routing.gateways:
        yield key, Head(routing.hosts, routing.exports, routing.age, bool(routing.spec.http))


HEADS: Collection[ResourceKey, Head] = Collection(
    "route_heads", ROUTES, _head, indexes={"export": lambda _key, head: head.exports}
)
"""Who asks which VirtualServices there are reads this: an edit of a rule changes nothing here."""


def _selectors(spec: VirtualServiceSpec) -> Iterable[Labels]:
    for http in spec.http:
        for match in http.match:
            yield labels_of(match.source_labels)
    for tls in spec.tls:
        yield from (labels_of(attributes.source_labels) for attributes in tls.match)
    for tcp in spec.tcp:
        yield from (labels_of(attributes.source_labels) for attributes in tcp.match)


def _source_selectors(_db: Database, _key: ResourceKey, routing: Routing) -> Iterable[tuple[Labels, bool]]:
    if MESH in routing.gateways:
        yield from ((labels, True) for labels in _selectors(routing.spec) if labels)


SOURCE_SELECTORS: Collection[Labels, bool] = Collection("source_selectors", ROUTES, _source_selectors)
"""Every distinct `sourceLabels` in use. A view says which of them hold for its proxies, and no other label."""


def _candidates(db: Database, namespace: str, host: str) -> list[Routing]:
    keys = {*db.lookup(ROUTES, "mesh_host", host), *db.lookup(ROUTES, "mesh_host", "*")}
    found = [db.get(ROUTES, key) for key in sorted(keys)]
    return [routing for routing in found if routing is not None and seen_from(routing.exports, namespace)]


def _narrowest(routing: Routing, host: str) -> str | None:
    return max((pattern for pattern in routing.hosts if covers(pattern, host)), key=specificity, default=None)


def routing_for(db: Database, namespace: str, host: str) -> ResourceKey | None:
    """The VirtualService that decides about `host` for sidecars of `namespace`; None if none does. Not remembered:
    who asks remembers what is made of it.
    """
    best: tuple[tuple[int, int], Routing] | None = None
    for routing in sorted(_candidates(db, namespace, host), key=lambda routing: routing.age):
        pattern = _narrowest(routing, host)
        if pattern is not None and (best is None or specificity(pattern) > best[0]):
            best = (specificity(pattern), routing)
    return best[1].key if best else None


@query
def mesh_routings(db: Database, namespace: str) -> tuple[ResourceKey, ...]:
    """All VirtualServices for sidecars that `namespace` sees, oldest first."""
    keys = {*db.lookup(HEADS, "export", "*"), *db.lookup(HEADS, "export", namespace)}
    found = ((db.get(HEADS, key), key) for key in keys)
    return tuple(key for _, key in sorted((head.age, key) for head, key in found if head is not None))


@query
def virtual_services_of_gateway(db: Database, gateway: str) -> tuple[ResourceKey, ...]:
    """The VirtualServices bound to the gateway `namespace/name`, oldest first, whoever may see them."""
    found = [db.get(ROUTES, key) for key in db.lookup(ROUTES, "gateway", gateway)]
    return tuple(
        routing.key for routing in sorted((item for item in found if item is not None), key=lambda item: item.age)
    )


def destinations(spec: VirtualServiceSpec) -> Iterable[Destination]:
    """Everything that the rules of a VirtualService send to, mirrors left out."""
    yield from (target.destination for http in spec.http for target in http.route)
    yield from (target.destination for tls in spec.tls for target in tls.route)
    yield from (target.destination for tcp in spec.tcp for target in tcp.route)
