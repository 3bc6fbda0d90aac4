"""Which AuthorizationPolicies hold for a workload, and what each of them says.

In: AuthorizationPolicy resources and mesh config. Out: `applied`, the policies of a workload by action, in order of
evaluation's bookkeeping (root namespace first, then the workload's own; older first), and `policy`, one policy as a
value without wire format. Rule: a query per policy, so an edit of one policy re-reads one; a rule that cannot be read
is a finding, and no other rule suffers.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal

from lateen.engine import Database, query
from lateen.mesh.authz_rules import Rule, UnknownAttributeError, read_rule
from lateen.mesh.authz_trust_domains import DEFAULT_TRUST_DOMAIN
from lateen.mesh.features import parse_bool
from lateen.mesh.meshconfig import mesh_config, root_namespace
from lateen.mesh.node import Labels
from lateen.mesh.selectors import attaches
from lateen.resources.findings import Finding
from lateen.resources.model import Resource, ResourceKey
from lateen.resources.tables import RESOURCES

KIND: Final = "AuthorizationPolicy"
DRY_RUN_ANNOTATION: Final = "istio.io/dry-run"

Action = Literal["ALLOW", "DENY", "AUDIT", "CUSTOM"]


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy. `provider` is the name of the external authorizer for CUSTOM.

    A policy without rules never matches.
    """

    namespace: str
    name: str
    action: Action
    dry_run: bool
    provider: str
    rules: tuple[Rule, ...]
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Applied:
    """The policies of one workload by action. Two workloads with equal policies have equal values."""

    custom: tuple[ResourceKey, ...] = ()
    deny: tuple[ResourceKey, ...] = ()
    allow: tuple[ResourceKey, ...] = ()
    audit: tuple[ResourceKey, ...] = ()


NO_POLICIES: Final = Applied()


def _age(resource: Resource) -> tuple[str, str, str]:
    return (resource.meta.creation_timestamp, resource.name, resource.namespace)


@query
def _in_namespace(db: Database, namespace: str) -> tuple[Resource, ...]:
    found = (db.get(RESOURCES, key) for key in db.lookup(RESOURCES, "kind_namespace", (KIND, namespace)))
    return tuple(sorted((resource for resource in found if resource is not None), key=_age))


@query
def applied(db: Database, namespace: str, labels: Labels) -> Applied:
    """The policies that hold for the workload with `labels` in `namespace`."""
    chosen = [
        resource
        for scope in dict.fromkeys((root_namespace(db), namespace))
        for resource in _in_namespace(db, scope)
        if attaches(resource.spec, scope, namespace, labels)
    ]
    by_action = {
        action: tuple(r.key for r in chosen if _action(r.spec) == action)
        for action in ("CUSTOM", "DENY", "ALLOW", "AUDIT")
    }
    return Applied(by_action["CUSTOM"], by_action["DENY"], by_action["ALLOW"], by_action["AUDIT"])


def _action(spec: Any) -> str:
    return spec.action or "ALLOW"


@query
def trust_domains(db: Database) -> tuple[str, ...]:
    """The mesh's trust domain and then its aliases."""
    config = mesh_config(db)
    return (config.trust_domain or DEFAULT_TRUST_DOMAIN, *config.trust_domain_aliases)


@query
def policy(db: Database, key: ResourceKey) -> Policy | None:
    """One policy with its rules read, for all trust domains of the mesh; None if it does not exist."""
    resource = db.get(RESOURCES, key)
    if resource is None:
        return None
    rules, findings = _rules(resource, trust_domains(db))
    dry_run = resource.meta.annotations.get(DRY_RUN_ANNOTATION, "false")
    if parse_bool(dry_run) is None:
        findings += (_bad_dry_run(key, dry_run),)
    provider = resource.spec.provider.name if resource.spec.provider else ""
    return Policy(key.namespace, key.name, _action(resource.spec), bool(parse_bool(dry_run)), provider, rules, findings)  # type: ignore[arg-type]


def _rules(resource: Resource, domains: tuple[str, ...]) -> tuple[tuple[Rule, ...], tuple[Finding, ...]]:
    rules, findings = [], []
    for index, rule in enumerate(resource.spec.rules):
        try:
            rules.append(read_rule(index, rule, domains))
        except UnknownAttributeError as attribute:
            findings.append(_unknown_attribute(resource.key, index, str(attribute)))
    return tuple(rules), tuple(findings)


def _unknown_attribute(key: ResourceKey, index: int, attribute: str) -> Finding:
    return Finding(
        code="AuthorizationUnknownAttribute",
        severity="error",
        message=f"unknown attribute {attribute!r}: the rule is ignored",
        resource=key,
        path=f"spec.rules[{index}].when",
        origin=None,
        suggestion="use an existing attribute, such as request.headers[x-name] or destination.port",
    )


def _bad_dry_run(key: ResourceKey, text: str) -> Finding:
    return Finding(
        code="AuthorizationBadDryRun",
        severity="warning",
        message=f"{DRY_RUN_ANNOTATION} is {text!r}, neither true nor false: the policy is in force",
        resource=key,
        path=f"metadata.annotations.{DRY_RUN_ANNOTATION}",
        origin=None,
        suggestion='write "true" or "false"',
    )
