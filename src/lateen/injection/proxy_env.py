"""The environment of the proxy container: what Istio's agent reads there.

In: `Context`. Out: entries of `env`, in Istio's order and by its names, so that proxies of Istio's image could start
from them too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lateen.injection.context import Context, written_proxy_config
from lateen.injection.values import text

_PORT_FIELDS = ("name", "hostPort", "containerPort", "protocol", "hostIP")


def identity_env(context: Context) -> list[dict[str, Any]]:
    """Who the proxy is and where its authority is."""
    values = context.values
    return [
        _env("PILOT_CERT_PROVIDER", text(values, "global.pilotCertProvider")),
        _env("CA_ADDR", text(values, "global.caAddress") or _control_plane(context)),
        _field("POD_NAME", "metadata.name"),
        _field("POD_NAMESPACE", "metadata.namespace"),
        _field("INSTANCE_IP", "status.podIP"),
        _field("SERVICE_ACCOUNT", "spec.serviceAccountName"),
        _field("HOST_IP", "status.hostIP"),
        _resource("ISTIO_CPU_LIMIT", "limits.cpu"),
        _env("PROXY_CONFIG", written_proxy_config(context.proxy_config) + "\n"),
        _env("ISTIO_META_POD_PORTS", _pod_ports(context.spec)),
    ]


def app_containers_env(context: Context) -> list[dict[str, Any]]:
    """The names of the application's containers."""
    return [_env("ISTIO_META_APP_CONTAINERS", ",".join(context.app_containers))]


def memory_env() -> list[dict[str, Any]]:
    """The memory limit, for agents that collect garbage by it."""
    return [_resource("GOMEMLIMIT", "limits.memory")]


def mesh_env(context: Context, *, workload_name: str, mode: str) -> list[dict[str, Any]]:
    """What the proxy tells the control plane about itself."""
    values, workload = context.values, context.workload
    found = [
        _env("ISTIO_META_CLUSTER_ID", context.cluster or "Kubernetes"),
        _field("ISTIO_META_NODE_NAME", "spec.nodeName"),
        _env("ISTIO_META_INTERCEPTION_MODE", mode),
    ]
    trust = text(values, "global.trustDomain") or str(context.mesh.get("trustDomain") or "cluster.local")
    found += _present("ISTIO_META_NETWORK", context.network)
    found += _present("ISTIO_META_WORKLOAD_NAME", workload_name)
    if workload.api_version and workload.name:
        found.append(_env("ISTIO_META_OWNER", workload.owner))
    if "sidecar.istio.io/bootstrapOverride" in context.annotations:
        found.append(_env("ISTIO_BOOTSTRAP_OVERRIDE", "/etc/istio/custom-bootstrap/custom_bootstrap.json"))
    found.append(_env("ISTIO_META_MESH_ID", text(values, "global.meshID") or trust))
    found.append(_env("TRUST_DOMAIN", trust))
    return found


def metadata_env(context: Context) -> list[dict[str, Any]]:
    """The user's `proxyMetadata`, sorted."""
    chosen = context.proxy_config.get("proxyMetadata") or {}
    return [_env(str(name), str(value)) for name, value in sorted(chosen.items())]


def _control_plane(context: Context) -> str:
    revision = text(context.values, "revision")
    name = f"istiod-{revision}" if revision and revision != "default" else "istiod"
    return f"{name}.{text(context.values, 'global.istioNamespace')}.svc:15012"


def _pod_ports(spec: Mapping[str, Any]) -> str:
    """The application's ports as a JSON list, one a line."""
    ports = [port for container in spec.get("containers") or () for port in container.get("ports") or ()]
    texts = [json.dumps({f: p[f] for f in _PORT_FIELDS if p.get(f)}, separators=(",", ":")) for p in ports]
    lines = [f"    {',' if position else ''}{entry}" for position, entry in enumerate(texts)]
    return "\n".join(["[", *lines, "]"])


def _env(name: str, value: str) -> dict[str, Any]:
    return {"name": name, "value": value}


def _present(name: str, value: str) -> list[dict[str, Any]]:
    return [_env(name, value)] if value else []


def _field(name: str, path: str) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def _resource(name: str, resource: str) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"resourceFieldRef": {"resource": resource, "divisor": "1"}}}
