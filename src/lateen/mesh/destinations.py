"""What DestinationRules say about a service, for a given caller.

In: DestinationRule resources. Out: `Destination`: the settings of the host and its subsets, after lookup and merging.
Rules, as Istio documents them: the caller's namespace is looked at first, then the service's, then the root
namespace; inside a namespace the most specific host wins; several rules for one host are merged, oldest first (the
first traffic policy counts, subsets are collected); settings of a port replace those of the host as a whole.
"""

from collections.abc import Iterable

import msgspec

from lateen.engine import Collection, Database, query
from lateen.mesh.domain import cluster_domain
from lateen.mesh.hosts import covers, is_wildcard, qualify, specificity
from lateen.mesh.meshconfig import root_namespace
from lateen.mesh.node import Labels
from lateen.mesh.selectors import labels_of
from lateen.mesh.validity import accepted
from lateen.mesh.visibility import default_destination_exports, exports, seen_from
from lateen.resources.destination_rule import DestinationRuleSpec, Subset, TrafficPolicy
from lateen.resources.model import Resource, ResourceKey
from lateen.resources.tables import RESOURCES


class Rule(msgspec.Struct, frozen=True, gc=False):
    """One DestinationRule with its host completed. `selector` is empty unless it is for some workloads only."""

    key: ResourceKey
    host: str
    exports: tuple[str, ...]
    created: str
    selector: Labels
    spec: DestinationRuleSpec


class Destination(msgspec.Struct, frozen=True, gc=False):
    """What is in force for one host and caller: `rules` name the DestinationRules it was merged from, the first one
    leading.
    """

    rules: tuple[ResourceKey, ...]
    policy: TrafficPolicy | None
    subsets: tuple[Subset, ...]
    has_selector: bool = False

    def subset(self, name: str) -> Subset | None:
        """The subset of that name."""
        return next((subset for subset in self.subsets if subset.name == name), None)


def _rule(db: Database, key: ResourceKey, resource: Resource) -> Iterable[tuple[ResourceKey, Rule]]:
    if key.kind != "DestinationRule" or not accepted(db, key):
        return
    spec = resource.spec
    yield (
        key,
        Rule(
            key=key,
            host=qualify(spec.host, key.namespace, cluster_domain(db)),
            exports=exports(spec.export_to, key.namespace, default_destination_exports(db)),
            created=resource.meta.creation_timestamp,
            selector=labels_of(spec.workload_selector.match_labels if spec.workload_selector is not None else None),
            spec=spec,
        ),
    )


DESTINATION_RULES: Collection[ResourceKey, Rule] = Collection(
    "destination_rules",
    RESOURCES,
    _rule,
    indexes={
        "host": lambda key, rule: [(key.namespace, "*" if is_wildcard(rule.host) else rule.host)],
        "selecting": lambda key, rule: [key.namespace] if rule.selector else [],
    },
)
"""DestinationRules by key, with an index by namespace and host (all wildcards together)."""


def _matching(db: Database, namespace: str, host: str) -> list[Rule]:
    exact = db.lookup(DESTINATION_RULES, "host", (namespace, host))
    wild = db.lookup(DESTINATION_RULES, "host", (namespace, "*"))
    if not exact and not wild:  # as it is nearly always
        return []
    found = [rule for rule in (db.get(DESTINATION_RULES, key) for key in sorted({*exact, *wild})) if rule is not None]
    return [rule for rule in found if covers(rule.host, host)]


def _usable(rules: Iterable[Rule], caller: str, selected: tuple[ResourceKey, ...]) -> list[Rule]:
    """Those that the caller sees, with those made for some workloads only if they chose the caller."""
    seen = [rule for rule in rules if seen_from(rule.exports, caller)]
    chosen = [rule for rule in seen if rule.selector and rule.key.namespace == caller and rule.key in selected]
    return chosen or [rule for rule in seen if not rule.selector]


def _most_specific(rules: list[Rule]) -> list[Rule]:
    if not rules:
        return []
    best = max(specificity(rule.host) for rule in rules)
    kept = [rule for rule in rules if specificity(rule.host) == best]
    return sorted(kept, key=lambda rule: (rule.created, rule.key.name, rule.key.namespace))


def _merge(rules: list[Rule]) -> Destination:
    policy = next((rule.spec.traffic_policy for rule in rules if rule.spec.traffic_policy is not None), None)
    subsets: dict[str, Subset] = {}
    for rule in rules:
        for subset in rule.spec.subsets:
            subsets.setdefault(subset.name, subset)
    return Destination(
        rules=tuple(rule.key for rule in rules),
        policy=policy,
        subsets=tuple(subsets.values()),
        has_selector=bool(rules[0].selector),
    )


def _namespaces(caller: str, service: str, root: str) -> tuple[str, ...]:
    first = () if caller == root else (caller,)
    return tuple(dict.fromkeys((*first, service, root)))


@query
def destination_for(
    db: Database, caller: str, selected: tuple[ResourceKey, ...], service_namespace: str, host: str
) -> Destination | None:
    """What callers of namespace `caller` use for `host`. `selected` are the rules whose workload selector picks the
    caller.
    """
    for namespace in _namespaces(caller, service_namespace, root_namespace(db)):
        rules = _most_specific(_usable(_matching(db, namespace, host), caller, selected))
        if rules:
            return _merge(rules)
    return None


@query
def destination_of(db: Database, rules: tuple[ResourceKey, ...]) -> Destination | None:
    """The same by the rules that it is merged from: one answer for all callers for whom these are in force."""
    found = [rule for rule in (db.get(DESTINATION_RULES, key) for key in rules) if rule is not None]
    return _merge(found) if found else None


def for_port(policy: TrafficPolicy | None, port: int) -> TrafficPolicy | None:
    """The traffic policy of one port: its port-level settings where there are any, as a whole, else those of the
    host.
    """
    if policy is None:
        return None
    for setting in policy.port_level_settings:
        if setting.port is not None and setting.port.number == port:
            return msgspec.structs.replace(
                policy,
                load_balancer=setting.load_balancer,
                connection_pool=setting.connection_pool,
                outlier_detection=setting.outlier_detection,
                tls=setting.tls,
                port_level_settings=(),
            )
    return msgspec.structs.replace(policy, port_level_settings=())


_PORT_BLOCKS = ("load_balancer", "connection_pool", "outlier_detection", "tls")


def over(base: TrafficPolicy | None, subset: TrafficPolicy | None, port: int) -> TrafficPolicy | None:
    """A subset's policy over its host's (already cut to the port): each block that the subset sets replaces the
    host's block.

    Where the subset has settings of this very port, these replace all four blocks, even with "nothing".
    """
    top = for_port(subset, port)
    if base is None or top is None or subset is None:
        return base if top is None else top
    whole = any(setting.port is not None and setting.port.number == port for setting in subset.port_level_settings)
    changed = {name: getattr(top, name) for name in _PORT_BLOCKS if whole or getattr(top, name) is not None}
    others = ("tunnel", "proxy_protocol", "retry_budget")
    changed |= {name: getattr(top, name) for name in others if getattr(top, name) is not None}
    return msgspec.structs.replace(base, **changed)
