"""Views: translate once for each *kind* of client, not once for each connection.

In: a proxy's facts. Out: `OutboundView` and `EndpointView`, interned values that hold just what translation may
depend on. Two proxies with equal views get the very same bytes, from the same memo. Rule: never a label, only which
selectors matched; never an address. What is truly one proxy's own is a query over its node.
"""

from typing import Literal

import msgspec

from lateen.engine import Database, query
from lateen.mesh.destinations import DESTINATION_RULES
from lateen.mesh.meshconfig import root_namespace
from lateen.mesh.node import Labels, ProxyNode
from lateen.mesh.routing import SOURCE_SELECTORS
from lateen.mesh.selectors import attaches, selects
from lateen.mesh.validity import accepted
from lateen.resources.model import ResourceKey
from lateen.resources.tables import RESOURCES


class OutboundView(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """What outbound configuration depends on. `sources`: the `sourceLabels` selectors, of those in use, that pick
    these proxies.
    """

    namespace: str
    role: Literal["sidecar", "router"]
    flavour: Literal["stock", "istio"]
    version: tuple[int, int, int]
    dns_domain: str
    cluster_id: str
    network: str
    interception: Literal["REDIRECT", "TPROXY", "NONE"]
    ipv6: bool = False
    sources: tuple[Labels, ...] = ()
    sidecar: ResourceKey | None = None
    destination_rules: tuple[ResourceKey, ...] = ()
    telemetries: tuple[ResourceKey, ...] = ()


class EndpointView(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """What load assignments depend on, beside the cluster's own name."""

    network: str
    cluster_id: str


def _in_namespace(db: Database, kind: str, namespace: str) -> tuple[ResourceKey, ...]:
    return db.lookup(RESOURCES, "kind_namespace", (kind, namespace))


@query
def sidecar_of(db: Database, namespace: str, labels: Labels) -> ResourceKey | None:
    """The Sidecar in force for a workload: one that selects it, else its namespace's, else the root namespace's. The
    oldest of equals.
    """
    ranked = []
    for place in dict.fromkeys((namespace, root_namespace(db))):
        for key in _in_namespace(db, "Sidecar", place):
            resource = db.get(RESOURCES, key)
            if resource is None or not accepted(db, key):
                continue
            wanted = resource.spec.workload_selector.labels if resource.spec.workload_selector is not None else {}
            if wanted and (place != namespace or not selects(wanted, labels)):
                continue
            ranked.append((place != namespace, not wanted, resource.meta.creation_timestamp, key))
    return min(ranked)[3] if ranked else None


@query
def selected_policies(db: Database, kind: str, namespace: str, labels: Labels) -> tuple[ResourceKey, ...]:
    """The policies of a kind (with `selector` or `targetRefs`) in the root and the own namespace that pick a
    workload, sorted.
    """
    found = []
    for place in dict.fromkeys((root_namespace(db), namespace)):
        for key in _in_namespace(db, kind, place):
            resource = db.get(RESOURCES, key)
            if resource is not None and attaches(resource.spec, place, namespace, labels):
                found.append(key)
    return tuple(found)


@query
def _rules_selecting(db: Database, namespace: str, labels: Labels) -> tuple[ResourceKey, ...]:
    found = [(key, db.get(DESTINATION_RULES, key)) for key in db.lookup(DESTINATION_RULES, "selecting", namespace)]
    return tuple(key for key, rule in found if rule is not None and selects(dict(rule.selector), labels))


@query
def _sources(db: Database, labels: Labels) -> tuple[Labels, ...]:
    return tuple(selector for selector in db.keys(SOURCE_SELECTORS) if selects(dict(selector), labels))


@query
def outbound_view(db: Database, node: ProxyNode) -> OutboundView:
    """The view of a proxy, sidecar or gateway."""
    sidecar = node.type == "sidecar"
    return OutboundView(
        namespace=node.namespace,
        role=node.type,
        flavour=node.flavour,
        version=node.version,
        dns_domain=node.dns_domain,
        cluster_id=node.cluster_id,
        network=node.network,
        interception=node.interception_mode,
        ipv6=bool(node.ip_addresses) and ":" in node.ip_addresses[0],
        sources=_sources(db, node.labels),
        sidecar=sidecar_of(db, node.namespace, node.labels) if sidecar else None,
        destination_rules=_rules_selecting(db, node.namespace, node.labels),
        telemetries=selected_policies(db, "Telemetry", node.namespace, node.labels),
    )


@query
def endpoint_view(_db: Database, node: ProxyNode) -> EndpointView:
    """The view for load assignments."""
    return EndpointView(network=node.network, cluster_id=node.cluster_id)
