"""Built-in rights, as data, until roles can be bound by users.

In: nothing. Out: `ROLES`: who, and what he may do. Rule: nobody gets more than his part of the mesh needs, because a
workload's token is within reach of whoever takes over that workload.
"""

from __future__ import annotations

from dataclasses import dataclass

from lateen.localcluster.auth.identity import GROUP_AUTHENTICATED, GROUP_MASTERS, GROUP_NODES

__all__ = ["ROLES", "Role", "Rule"]


@dataclass(frozen=True, slots=True)
class Rule:
    """Verbs on resources of API groups ("*" = all), in one namespace or ("") everywhere; or on URL `paths`."""

    verbs: tuple[str, ...]
    resources: tuple[str, ...] = ()
    groups: tuple[str, ...] = ("",)
    namespace: str = ""
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Role:
    """Rules of everybody whose name or one of whose groups is among `subjects`."""

    subjects: frozenset[str]
    rules: tuple[Rule, ...]


READ = ("get", "list", "watch")
WRITE = ("create", "update", "patch", "delete")
ALL = ("*",)
_ISTIO_GROUPS = (
    "networking.istio.io",
    "security.istio.io",
    "telemetry.istio.io",
    "extensions.istio.io",
    "install.istio.io",
)
_PUBLIC_PATHS = ("/healthz", "/healthz/*", "/livez", "/livez/*", "/readyz", "/readyz/*", "/version", "/version/")
_DISCOVERY_PATHS = (
    *_PUBLIC_PATHS,
    "/api",
    "/api/*",
    "/apis",
    "/apis/*",
    "/openapi",
    "/openapi/*",
    "/.well-known/openid-configuration",
    "/openid/v1/jwks",
)
_SELF_REVIEWS = (
    Rule(("create",), ("selfsubjectreviews",), ("authentication.k8s.io",)),
    Rule(("create",), ("selfsubjectaccessreviews", "selfsubjectrulesreviews"), ("authorization.k8s.io",)),
)
_ASK_ABOUT_OTHERS = (
    Rule(("create",), ("tokenreviews",), ("authentication.k8s.io",)),
    Rule(("create",), ("subjectaccessreviews",), ("authorization.k8s.io",)),
)

ROLES: tuple[Role, ...] = (
    Role(frozenset({GROUP_MASTERS}), (Rule(ALL, ALL, ALL), Rule(ALL, paths=ALL))),
    Role(frozenset({"system:unauthenticated"}), (Rule(("get", "head"), paths=_PUBLIC_PATHS),)),
    Role(frozenset({GROUP_AUTHENTICATED}), (Rule(("get", "head"), paths=_DISCOVERY_PATHS), *_SELF_REVIEWS)),
    Role(
        frozenset({GROUP_NODES}),
        (
            Rule(READ, ("pods", "services", "endpoints", "namespaces", "nodes", "serviceaccounts")),
            Rule(READ, ("configmaps", "secrets")),
            Rule(READ, ("endpointslices",), ("discovery.k8s.io",)),
            Rule(("delete",), ("pods",)),
            Rule(("get", "update", "patch"), ("pods/status", "nodes/status")),
            Rule(("create", "update", "patch"), ("nodes",)),
            Rule(("create", "update", "patch"), ("events",)),
            Rule(("create", "update", "patch"), ("events",), ("events.k8s.io",)),
            Rule(("create",), ("serviceaccounts/token",)),
            Rule(("get", *WRITE), ("leases",), ("coordination.k8s.io",), "kube-node-lease"),
            *_ASK_ABOUT_OTHERS,
        ),
    ),
    Role(
        frozenset({"system:serviceaccount:istio-system:istiod"}),
        (
            Rule(READ, ("pods", "nodes", "services", "endpoints", "namespaces", "configmaps", "secrets")),
            Rule(READ, ("serviceaccounts",)),
            Rule(READ, ("endpointslices",), ("discovery.k8s.io",)),
            Rule(READ, ("deployments", "replicasets"), ("apps",)),
            Rule((*READ, *WRITE), ALL, _ISTIO_GROUPS),
            Rule((*READ, "update", "patch"), ALL, ("admissionregistration.k8s.io",)),
            Rule(READ, ("customresourcedefinitions",), ("apiextensions.k8s.io",)),
            Rule(WRITE, ("configmaps",)),
            Rule(WRITE, ("secrets",), namespace="istio-system"),
            Rule((*READ, *WRITE), ("leases",), ("coordination.k8s.io",), "istio-system"),
            Rule(("create", "patch"), ("events",)),
            Rule(("update", "patch"), ("services/status",)),
            *_ASK_ABOUT_OTHERS,
        ),
    ),
)
