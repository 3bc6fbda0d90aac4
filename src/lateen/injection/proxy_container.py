"""What the proxy container of both templates has in common: image, resources, flags, readiness.

In: `Context`. Out: parts of a container.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lateen.injection import names
from lateen.injection.context import Context
from lateen.injection.values import Values, at, text

_RESOURCES = (
    ("requests", "cpu", "sidecar.istio.io/proxyCPU"),
    ("requests", "memory", "sidecar.istio.io/proxyMemory"),
    ("limits", "cpu", "sidecar.istio.io/proxyCPULimit"),
    ("limits", "memory", "sidecar.istio.io/proxyMemoryLimit"),
)
_IMAGE_TYPES = ("distroless", "debug")


def image(context: Context, path: str) -> str:
    """The image for `global.proxy.image` or `global.proxy_init.image`: a full reference is used as it is, a name gets
    hub and tag.
    """
    wanted = context.annotated("sidecar.istio.io/proxyImage", f"{path}.image")
    if "/" in wanted:
        return wanted
    name = text(context.values, f"{path}.image") or "proxyv2"
    configured = (context.proxy_config.get("image") or {}).get("imageType") if path == "global.proxy" else None
    kind = context.annotations.get("sidecar.istio.io/proxyImageType") or configured
    return f"{text(context.values, 'global.hub')}/{name}:{_tag(context.values, kind)}"


def resources(context: Context) -> dict[str, Any]:
    """Requests and limits: the pod's annotations if there is any of them, else the install values."""
    if not any(annotation in context.annotations for _, _, annotation in _RESOURCES):
        chosen: dict[str, Any] = _without_nulls(at(context.values, "global.proxy.resources") or {})
        return chosen
    found: dict[str, Any] = {}
    for group, what, annotation in _RESOURCES:
        if annotation in context.annotations:
            found.setdefault(group, {})[what] = context.annotations[annotation]
    return found


def log_arguments(context: Context) -> list[str]:
    """The flags about logs."""
    found = [
        f"--proxyLogLevel={context.annotated('sidecar.istio.io/logLevel', 'global.proxy.logLevel')}",
        f"--proxyComponentLogLevel="
        f"{context.annotated('sidecar.istio.io/componentLogLevel', 'global.proxy.componentLogLevel')}",
        agent_log_level(context),
    ]
    if at(context.values, "global.sts.servicePort"):
        found.append(f"--stsPort={text(context.values, 'global.sts.servicePort')}")
    if at(context.values, "global.logAsJson"):
        found.append("--log_as_json")
    return found


def agent_log_level(context: Context) -> str:
    """The agent's log level flag."""
    return f"--log_output_level={context.annotated('sidecar.istio.io/agentLogLevel', 'global.logging.level')}"


def readiness(context: Context, *, annotated: bool) -> dict[str, Any]:
    """The proxy's readiness probe on Envoy's health port."""

    def number(field: str) -> int:
        path = f"global.proxy.readiness{field[0].upper()}{field[1:]}"
        annotation = f"readiness.status.sidecar.istio.io/{field}"
        return int(context.annotated(annotation, path) if annotated else text(context.values, path))

    probe: dict[str, Any] = {"httpGet": {"path": "/healthz/ready", "port": names.HEALTH_PORT}}
    if delay := number("initialDelaySeconds"):
        probe["initialDelaySeconds"] = delay
    return probe | {
        "periodSeconds": number("periodSeconds"),
        "timeoutSeconds": 3,
        "failureThreshold": number("failureThreshold"),
    }


def pull_policy(context: Context) -> dict[str, Any]:
    """`imagePullPolicy` of the install values, if it is set."""
    policy = text(context.values, "global.imagePullPolicy")
    return {"imagePullPolicy": policy} if policy else {}


def pull_secrets(context: Context) -> dict[str, Any]:
    """`imagePullSecrets` of the install values, if there are any."""
    wanted = at(context.values, "global.imagePullSecrets") or ()
    return {"imagePullSecrets": [{"name": name} for name in wanted]} if wanted else {}


def _tag(values: Values, kind: str | None) -> str:
    tag, kind = text(values, "global.tag"), kind or text(values, "global.variant")
    if not kind:
        return tag
    for known in _IMAGE_TYPES:
        tag = tag.removesuffix(f"-{known}")
    return tag if kind == "default" else f"{tag}-{kind}"


def _without_nulls(tree: Any) -> Any:
    if not isinstance(tree, Mapping):
        return tree
    kept = {name: _without_nulls(value) for name, value in tree.items() if value is not None}
    return {name: value for name, value in kept.items() if value != {}}
