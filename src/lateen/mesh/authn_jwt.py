"""Which tokens (JWT) a workload understands.

In: RequestAuthentication resources and the services of the mesh. Out: the rules of a workload, each with where its
keys come from. Rule: a token is checked only against keys that its issuer's rule names: inline, or fetched by the
proxy from a host that is a service of the mesh (a ServiceEntry makes an outside host one). Where there are no usable
keys, every token of that issuer is refused; a missing token is no error here. The control plane itself fetches
nothing, so no rule can make it call an address of a tenant's choice.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal

from lateen.engine import Database, query
from lateen.mesh.destinations import destination_for, for_port
from lateen.mesh.meshconfig import root_namespace
from lateen.mesh.node import Labels
from lateen.mesh.selectors import attaches
from lateen.mesh.services import cluster_for, service_named
from lateen.mesh.uris import split_uri
from lateen.resources.duration import DurationError, parse_duration
from lateen.resources.findings import Finding
from lateen.resources.model import Resource, ResourceKey
from lateen.resources.request_authentication import JWTRule
from lateen.resources.tables import RESOURCES

KIND: Final = "RequestAuthentication"
DEFAULT_TIMEOUT: Final = 5.0


@dataclass(frozen=True, slots=True)
class Keys:
    """Where the keys of an issuer are: `inline` as a JWKS text, `remote` at `uri` through `cluster`, or nowhere.

    `problem` says why they are nowhere; `timeout` is in seconds.
    """

    kind: Literal["inline", "remote", "none"]
    inline: str = ""
    uri: str = ""
    cluster: str = ""
    timeout: float = DEFAULT_TIMEOUT
    problem: str = ""


def _age(resource: Resource) -> tuple[str, str, str]:
    return (resource.meta.creation_timestamp, resource.name, resource.namespace)


@query
def token_policies(db: Database, namespace: str, labels: Labels) -> tuple[ResourceKey, ...]:
    """The RequestAuthentications that hold for a workload: its namespace's, then the root namespace's, older first."""
    found: list[Resource] = []
    for scope in dict.fromkeys((namespace, root_namespace(db))):
        keys = db.lookup(RESOURCES, "kind_namespace", (KIND, scope))
        resources = sorted((one for one in (db.get(RESOURCES, key) for key in keys) if one is not None), key=_age)
        found += [one for one in resources if attaches(one.spec, scope, namespace, labels)]
    return tuple(one.key for one in found)


def token_rules(db: Database, policies: Iterable[ResourceKey]) -> tuple[JWTRule, ...]:
    """All rules of these policies, by issuer."""
    found = (db.get(RESOURCES, key) for key in policies)
    rules = (rule for policy in found if policy is not None for rule in policy.spec.jwt_rules)
    return tuple(sorted(rules, key=lambda rule: rule.issuer or ""))


def keys_of(db: Database, rule: JWTRule) -> Keys:
    """Where the keys of a rule come from."""
    if rule.jwks:
        problem = jwks_problem(rule.jwks)
        return Keys("none", problem=problem) if problem else Keys("inline", inline=rule.jwks)
    if not rule.jwks_uri:
        return Keys("none", problem="it has neither jwks nor jwksUri")
    parts = split_uri(rule.jwks_uri)
    if parts is None:
        return Keys("none", problem=f"jwksUri {rule.jwks_uri!r} is no http or https address")
    found = cluster_for(db, parts.host, parts.port)
    if found is None:
        return Keys("none", problem=f"jwksUri names {parts.host}:{parts.port}, which is no service of the mesh")
    return Keys("remote", uri=rule.jwks_uri, cluster=found[1], timeout=_timeout(rule.timeout))


def _timeout(text: str | None) -> float:
    try:
        seconds = parse_duration(text) if text else DEFAULT_TIMEOUT
    except DurationError:
        return DEFAULT_TIMEOUT
    return seconds if seconds > 0 else DEFAULT_TIMEOUT


def jwks_problem(text: str) -> str:
    """What is wrong with an inline JWKS; "" if it has keys."""
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        return "jwks is no JSON"
    keys = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(keys, list) or not any(isinstance(key, dict) and key.get("kty") for key in keys):
        return "jwks has no keys"
    return ""


@query
def token_findings(db: Database, key: ResourceKey) -> tuple[Finding, ...]:
    """The rules of one RequestAuthentication under which no token can be valid."""
    policy = db.get(RESOURCES, key)
    found = []
    for index, rule in enumerate(policy.spec.jwt_rules if policy is not None else ()):
        keys = keys_of(db, rule)
        problem = keys.problem or _plaintext_problem(db, keys.uri, key.namespace)
        if problem:
            found.append(_no_keys(key, index, problem))
    return tuple(found)


def _plaintext_problem(db: Database, uri: str, namespace: str) -> str:
    """Why keys that are to come over https would be asked for in plaintext; "" if they would not."""
    parts = split_uri(uri)
    if parts is None or parts.scheme != "https":
        return ""
    service = service_named(db, namespace, parts.host)
    found = destination_for(db, namespace, (), service.namespace, parts.host) if service is not None else None
    policy = for_port(found.policy, parts.port) if found is not None else None
    if policy is not None and policy.tls is not None and policy.tls.mode in ("SIMPLE", "MUTUAL"):
        return ""
    return (
        f"the keys of {parts.host} are behind TLS, and no DestinationRule with tls mode SIMPLE makes the proxy speak it"
    )


def _no_keys(key: ResourceKey, index: int, problem: str) -> Finding:
    return Finding(
        code="TokenKeys",
        severity="error",
        message=f"every token of this issuer is refused: {problem}",
        resource=key,
        path=f"spec.jwtRules[{index}]",
        suggestion="put the keys into jwks, or add a ServiceEntry and, for https, a DestinationRule with TLS",
    )
