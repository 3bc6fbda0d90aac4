"""AuthorizationPolicy: who may do what.

Reference: https://istio.io/latest/docs/reference/config/security/authorization-policy/
In: the `spec` of the object. Out: frozen structs.
Rule: an absent action is ALLOW; no rules match nothing; an empty rule matches everything. `mesh` keeps to it.
"""

from typing import Literal

from lateen.resources.selectors import PolicyTargetReference, WorkloadSelector
from lateen.resources.structs import IstioStruct

Action = Literal["ALLOW", "DENY", "AUDIT", "CUSTOM"]


class Source(IstioStruct):
    """Properties of the caller, all of which must hold. .../authorization-policy/#Source."""

    principals: tuple[str, ...] = ()
    not_principals: tuple[str, ...] = ()
    request_principals: tuple[str, ...] = ()
    not_request_principals: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    not_namespaces: tuple[str, ...] = ()
    service_accounts: tuple[str, ...] = ()
    not_service_accounts: tuple[str, ...] = ()
    trust_domains: tuple[str, ...] = ()
    not_trust_domains: tuple[str, ...] = ()
    ip_blocks: tuple[str, ...] = ()
    not_ip_blocks: tuple[str, ...] = ()
    remote_ip_blocks: tuple[str, ...] = ()
    not_remote_ip_blocks: tuple[str, ...] = ()


class RuleFrom(IstioStruct):
    """One possible caller. .../authorization-policy/#Rule-From."""

    source: Source | None = None


class Operation(IstioStruct):
    """Properties of the request, all of which must hold. .../authorization-policy/#Operation."""

    hosts: tuple[str, ...] = ()
    not_hosts: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    not_ports: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    not_methods: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    not_paths: tuple[str, ...] = ()


class RuleTo(IstioStruct):
    """One possible operation. .../authorization-policy/#Rule-To."""

    operation: Operation | None = None


class Condition(IstioStruct):
    """A condition on an attribute. .../authorization-policy/#Condition."""

    key: str
    values: tuple[str, ...] = ()
    not_values: tuple[str, ...] = ()


class Rule(IstioStruct):
    """Matches if one caller, one operation and all conditions match. .../authorization-policy/#Rule."""

    from_: tuple[RuleFrom, ...] = ()
    to: tuple[RuleTo, ...] = ()
    when: tuple[Condition, ...] = ()


class ExtensionProviderRef(IstioStruct):
    """The external authorizer of a CUSTOM policy, by its name in the mesh config.

    .../authorization-policy/#AuthorizationPolicy-ExtensionProvider.
    """

    name: str | None = None


class AuthorizationPolicySpec(IstioStruct):
    """The workloads, the rules and the action. .../authorization-policy/#AuthorizationPolicy."""

    selector: WorkloadSelector | None = None
    target_ref: PolicyTargetReference | None = None
    target_refs: tuple[PolicyTargetReference, ...] = ()
    rules: tuple[Rule, ...] = ()
    action: Action = "ALLOW"
    provider: ExtensionProviderRef | None = None
