"""From IstioOperator (install.istio.io/v1alpha1) and `--set` to install options.

In: the object's `spec`, or `path=value` settings. Out: `InstallOptions` and findings; a field that nothing honours
yet is a finding that names it. Source of names:
https://istio.io/latest/docs/reference/config/istio.operator.v1alpha1/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from lateen.resources.findings import Finding, Severity

PROFILES: dict[str, dict[str, bool]] = {
    "default": {"ingress": True, "egress": False},
    "demo": {"ingress": True, "egress": True},
    "minimal": {"ingress": False, "egress": False},
}
HONOURED = (
    "profile",
    "namespace",
    "revision",
    "hub",
    "tag",
    "meshConfig",
    "values.global",
    "values.sidecarInjectorWebhook",
    "values.pilot.env",
    "components.pilot.enabled",
    "components.pilot.k8s.env",
    "components.base.enabled",
    "components.ingressGateways",
    "components.egressGateways",
)
GATEWAY_FIELDS = (
    "name",
    "namespace",
    "enabled",
    "label",
    "k8s.replicaCount",
    "k8s.service",
    "k8s.resources",
    "k8s.env",
)

DEFAULT_MESH_CONFIG: dict[str, Any] = {
    "accessLogFile": "/dev/stdout",
    "accessLogEncoding": "JSON",
    "enableAutoMtls": True,
    "rootNamespace": "istio-system",
    "trustDomain": "cluster.local",
    "defaultConfig": {"discoveryAddress": "istiod.istio-system.svc:15012"},
}


class Gateway(msgspec.Struct, frozen=True):
    """One gateway Deployment and its Service. `kind` is `ingress` or `egress`."""

    name: str
    kind: str
    namespace: str = "istio-system"
    enabled: bool = True
    labels: tuple[tuple[str, str], ...] = ()
    replicas: int = 1
    service: dict[str, Any] = {}
    resources: dict[str, Any] = {}
    env: tuple[dict[str, Any], ...] = ()


class InstallOptions(msgspec.Struct, frozen=True):
    """What an installation is made from. `values` are Helm-named values for injection."""

    version: str
    namespace: str = "istio-system"
    hub: str = "lateen.dev"
    tag: str = ""
    mesh_config: dict[str, Any] = {}
    values: dict[str, Any] = {}
    pilot_env: tuple[dict[str, Any], ...] = ()
    gateways: tuple[Gateway, ...] = ()

    def image(self, name: str) -> str:
        return f"{self.hub}/{name}:{self.tag or self.version}"


class OperatorResult(msgspec.Struct, frozen=True):
    """Options, and what of the input is not honoured."""

    options: InstallOptions
    findings: tuple[Finding, ...] = ()


def options_from_operator(spec: Mapping[str, Any], version: str) -> OperatorResult:
    """Install options of an IstioOperator's `spec`; an empty spec is the default profile."""
    findings = [_not_honoured(path) for path in _leaf_paths(spec) if not _honoured(path)]
    profile = str(spec.get("profile") or "default")
    if profile not in PROFILES:
        findings.append(
            _finding(
                "error",
                f"unknown profile {profile!r}",
                "spec.profile",
                f"use one of {', '.join(PROFILES)}",
            )
        )
        profile = "default"
    components = _mapping(spec.get("components"))
    values = _mapping(spec.get("values"))
    options = InstallOptions(
        version=version,
        namespace=str(spec.get("namespace") or "istio-system"),
        hub=str(spec.get("hub") or "lateen.dev"),
        tag=str(spec.get("tag") or ""),
        mesh_config=merged(DEFAULT_MESH_CONFIG, _mapping(spec.get("meshConfig"))),
        values=values,
        pilot_env=_pilot_env(components, values),
        gateways=tuple(_gateways(components, PROFILES[profile])),
    )
    return OperatorResult(options, tuple(findings))


def with_settings(spec: Mapping[str, Any], settings: Mapping[str, str]) -> dict[str, Any]:
    """The spec with `--set path=value` settings over it (`meshConfig.outboundTrafficPolicy.mode=REGISTRY_ONLY`).

    `true`, `false` and whole numbers become what they look like, as `istioctl --set` reads them.
    """
    result: dict[str, Any] = merged({}, spec)
    for path, text in settings.items():
        node = result
        *parents, leaf = path.split(".")
        for parent in parents:
            child = node.get(parent)
            node[parent] = child = dict(child) if isinstance(child, dict) else {}
            node = child
        node[leaf] = _scalar(text)
    return result


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` merged into `base`: maps by key, everything else replaced."""
    result = dict(base)
    for key, value in over.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return result


def _gateways(components: Mapping[str, Any], defaults: Mapping[str, bool]) -> Iterator[Gateway]:
    for kind in ("ingress", "egress"):
        name = f"istio-{kind}gateway"
        listed = components.get(f"{kind}Gateways")
        if listed is None:
            yield Gateway(name=name, kind=kind, enabled=defaults[kind])
            continue
        for entry in listed:
            yield _gateway(kind, entry, name)


def _gateway(kind: str, entry: Mapping[str, Any], default_name: str) -> Gateway:
    k8s = _mapping(entry.get("k8s"))
    return Gateway(
        name=str(entry.get("name") or default_name),
        kind=kind,
        namespace=str(entry.get("namespace") or "istio-system"),
        enabled=bool(entry.get("enabled", False)),
        labels=tuple(sorted((str(k), str(v)) for k, v in _mapping(entry.get("label")).items())),
        replicas=int(k8s.get("replicaCount") or 1),
        service=_mapping(k8s.get("service")),
        resources=_mapping(k8s.get("resources")),
        env=tuple(k8s.get("env") or ()),
    )


def _pilot_env(components: Mapping[str, Any], values: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    pilot = _mapping(_mapping(components.get("pilot")).get("k8s"))
    from_values = _mapping(_mapping(values.get("pilot")).get("env"))
    listed = [{"name": str(name), "value": str(value)} for name, value in sorted(from_values.items())]
    return (*listed, *(pilot.get("env") or ()))


def _leaf_paths(node: Any, path: str = "") -> Iterator[str]:
    if isinstance(node, Mapping) and node and path != "meshConfig":
        for key, value in node.items():
            yield from _leaf_paths(value, f"{path}.{key}" if path else str(key))
    elif isinstance(node, list) and path.endswith("Gateways"):
        for entry in node:
            yield from (p for p in _leaf_paths(entry, path) if not _gateway_field(p, path))
    elif path:
        yield path


def _gateway_field(path: str, prefix: str) -> bool:
    rest = path[len(prefix) + 1 :]
    return any(rest == field or rest.startswith(field + ".") for field in GATEWAY_FIELDS)


def _honoured(path: str) -> bool:
    return any(path == known or (path.startswith(known + ".") and "Gateways" not in known) for known in HONOURED)


def _not_honoured(path: str) -> Finding:
    return _finding(
        "warning",
        "this field of an IstioOperator is not honoured yet",
        f"spec.{path}",
        "remove the field, or do without its effect",
    )


def _finding(severity: Severity, message: str, path: str, suggestion: str) -> Finding:
    return Finding(
        code="LTN0001", severity=severity, message=message, resource=None, path=path, origin=None, suggestion=suggestion
    )


def _mapping(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


def _scalar(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    return int(text) if text.lstrip("-").isdigit() else text
