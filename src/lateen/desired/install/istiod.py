"""The control plane's own objects: namespace, account, configuration, Deployment and Service `istiod`.

Names and ports are Istio's, so that tools made for Istio find what they look for. The pod has two containers:
`discovery`, the control plane, and `envoy`, which terminates TLS on 15012 and hands streams to `discovery` over a
Unix socket.
"""

from __future__ import annotations

from typing import Any

import msgspec
import yaml

from lateen.desired.install.operator import InstallOptions

LABELS = {"app": "istiod", "istio": "pilot", "istio.io/rev": "default"}
SOCKET_DIR = "/var/run/lateen"
PORTS = (
    ("grpc-xds", 15010, 15010),
    ("https-dns", 15012, 15012),
    ("https-webhook", 443, 15017),
    ("http-monitoring", 15014, 15014),
)


def istiod_objects(options: InstallOptions) -> tuple[dict[str, Any], ...]:
    """Namespace, ServiceAccount, ConfigMaps, Service and Deployment of the control plane."""
    return (
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": options.namespace}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _meta(options, "istiod")},
        _config_map(options, "istio", {"mesh": mesh_yaml(options), "meshNetworks": "networks: {}\n"}),
        _config_map(options, "istio-sidecar-injector", {"values": injector_values(options)}),
        _service(options),
        _deployment(options),
    )


def mesh_yaml(options: InstallOptions) -> str:
    """The text under key `mesh` of ConfigMap `istio`: MeshConfig as YAML."""
    return str(yaml.safe_dump(options.mesh_config, sort_keys=True))


def injector_values(options: InstallOptions) -> str:
    """The JSON under key `values` of ConfigMap `istio-sidecar-injector`, named as in Istio's charts."""
    values = dict(options.values)
    values["global"] = {
        "hub": options.hub,
        "tag": options.tag or options.version,
        "istioNamespace": options.namespace,
        "proxy": {"image": "proxyv2"},
        "proxy_init": {"image": "proxyv2"},
        **values.get("global", {}),
    }
    return msgspec.json.format(msgspec.json.encode(values), indent=2).decode()


def _meta(options: InstallOptions, name: str) -> dict[str, Any]:
    return {"name": name, "namespace": options.namespace, "labels": dict(LABELS)}


def _config_map(options: InstallOptions, name: str, data: dict[str, str]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _meta(options, name), "data": data}


def _service(options: InstallOptions) -> dict[str, Any]:
    ports = [{"name": name, "port": port, "targetPort": target, "protocol": "TCP"} for name, port, target in PORTS]
    spec = {"selector": {"app": "istiod", "istio": "pilot"}, "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": _meta(options, "istiod"), "spec": spec}


def _deployment(options: InstallOptions) -> dict[str, Any]:
    pod_labels = {**LABELS, "sidecar.istio.io/inject": "false"}
    template = {"metadata": {"labels": pod_labels}, "spec": _pod_spec(options)}
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": "istiod", "istio": "pilot"}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": _meta(options, "istiod"), "spec": spec}


def _pod_spec(options: InstallOptions) -> dict[str, Any]:
    return {
        "serviceAccountName": "istiod",
        "containers": [_discovery(options), _front(options)],
        "volumes": [{"name": "xds", "emptyDir": {"medium": "Memory"}}],
    }


def _discovery(options: InstallOptions) -> dict[str, Any]:
    return {
        "name": "discovery",
        "image": options.image("pilot"),
        "args": ["discovery"],
        "ports": [
            {"name": "grpc-xds", "containerPort": 15010},
            {"name": "http-monitoring", "containerPort": 15014},
            {"name": "https-webhook", "containerPort": 15017},
        ],
        "env": [
            _field_env("POD_NAME", "metadata.name"),
            _field_env("POD_NAMESPACE", "metadata.namespace"),
            _field_env("POD_IP", "status.podIP"),
            *options.pilot_env,
        ],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 15014}, "periodSeconds": 1, "failureThreshold": 30},
        "volumeMounts": [{"name": "xds", "mountPath": SOCKET_DIR}],
    }


def _front(options: InstallOptions) -> dict[str, Any]:
    return {
        "name": "envoy",
        "image": options.image("proxyv2"),
        "args": ["front"],
        "ports": [{"name": "https-dns", "containerPort": 15012}],
        "readinessProbe": {"tcpSocket": {"port": 15012}, "periodSeconds": 1, "failureThreshold": 30},
        "volumeMounts": [{"name": "xds", "mountPath": SOCKET_DIR}],
    }


def _field_env(name: str, path: str) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
