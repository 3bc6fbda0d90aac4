"""What a rule of an AuthorizationPolicy says, without any wire format.

A rule holds if one of its `from` and one of its `to` holds and every `when` does. Here it becomes two lists of
alternatives, each a conjunction of conditions: those about the caller (`sources`) and those about the request's
target (`operations`); every `when` is added to all alternatives of its side. In: the typed rule. Out: `Rule`. Rule of
the order: the fields of a source or operation in a fixed order, then `when` as written.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from lateen.mesh.authz_trust_domains import expand_principals, expand_trust_domains

CALLER_ATTRIBUTES: Final = (
    "source.ip",
    "remote.ip",
    "source.namespace",
    "source.trustDomain",
    "source.serviceAccount",
    "source.principal",
    "request.auth.principal",
    "request.auth.audiences",
    "request.auth.presenter",
    "request.auth.claims",
    "request.headers",
)
TARGET_ATTRIBUTES: Final = ("destination.ip", "destination.port", "connection.sni", "experimental.envoy.filters.")
_WITH_ARGUMENT: Final = ("request.headers", "request.auth.claims", "experimental.envoy.filters.")


@dataclass(frozen=True, slots=True)
class Condition:
    """One attribute with the values of which one must match, and those of which none may.

    `attribute` is the name in the policy language, or `request.host`, `request.method`, `request.path`; `argument` is
    what follows the name (`[x-user]` of `request.headers[x-user]`). Values may have a `*` at one end.
    """

    attribute: str
    values: tuple[str, ...] = ()
    not_values: tuple[str, ...] = ()
    argument: str = ""


Conjunction = tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """Alternatives of conjunctions for caller and target; an empty conjunction always holds.

    `index` is the rule's place in its policy.
    """

    index: int
    sources: tuple[Conjunction, ...]
    operations: tuple[Conjunction, ...]


class UnknownAttributeError(ValueError):
    """A `when` names an attribute that does not exist; the message is the attribute."""


def _source(source: Any) -> Conjunction:
    return _set(
        Condition("source.principal", source.principals, source.not_principals),
        Condition("request.auth.principal", source.request_principals, source.not_request_principals),
        Condition("source.serviceAccount", source.service_accounts, source.not_service_accounts),
        Condition("source.trustDomain", source.trust_domains, source.not_trust_domains),
        Condition("source.namespace", source.namespaces, source.not_namespaces),
        Condition("remote.ip", source.remote_ip_blocks, source.not_remote_ip_blocks),
        Condition("source.ip", source.ip_blocks, source.not_ip_blocks),
    )


def _operation(operation: Any) -> Conjunction:
    return _set(
        Condition("request.host", operation.hosts, operation.not_hosts),
        Condition("request.method", operation.methods, operation.not_methods),
        Condition("request.path", operation.paths, operation.not_paths),
        Condition("destination.port", operation.ports, operation.not_ports),
    )


def _set(*conditions: Condition) -> Conjunction:
    return tuple(condition for condition in conditions if condition.values or condition.not_values)


def _when(condition: Any) -> Condition:
    key: str = condition.key
    for name in CALLER_ATTRIBUTES + TARGET_ATTRIBUTES:
        if key == name or (name in _WITH_ARGUMENT and key.startswith(name)):
            return Condition(name, condition.values, condition.not_values, key.removeprefix(name))
    raise UnknownAttributeError(key)


def _alternatives(parts: Iterable[Conjunction], always: Conjunction) -> tuple[Conjunction, ...]:
    return tuple(part + always for part in parts) or (always,)


def _with_aliases(condition: Condition, trust_domains: tuple[str, ...]) -> Condition:
    expand = {"source.principal": expand_principals, "source.trustDomain": expand_trust_domains}.get(
        condition.attribute
    )
    if expand is None:
        return condition
    values, not_values = expand(condition.values, trust_domains), expand(condition.not_values, trust_domains)
    return replace(condition, values=values, not_values=not_values)


def read_rule(index: int, rule: Any, trust_domains: tuple[str, ...]) -> Rule:
    """Read one typed rule; `trust_domains` are the mesh's, its own first. Raises UnknownAttributeError."""
    when = _set(*(_when(condition) for condition in rule.when))
    about_target = tuple(c for c in when if c.attribute in TARGET_ATTRIBUTES)
    about_caller = tuple(c for c in when if c.attribute not in TARGET_ATTRIBUTES)
    sources = _alternatives((_source(part.source) if part.source else () for part in rule.from_), about_caller)
    operations = _alternatives((_operation(part.operation) if part.operation else () for part in rule.to), about_target)
    return Rule(index, tuple(tuple(_with_aliases(c, trust_domains) for c in source) for source in sources), operations)
