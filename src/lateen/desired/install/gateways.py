"""Ingress and egress gateways: account, Deployment and Service, under Istio's names, labels and ports."""

from __future__ import annotations

from typing import Any

from lateen.desired.install.operator import Gateway, InstallOptions

SERVICE_PORTS = {
    "ingress": (("status-port", 15021, 15021), ("http2", 80, 8080), ("https", 443, 8443)),
    "egress": (("http2", 80, 8080), ("https", 443, 8443)),
}
PROBE = {
    "httpGet": {"path": "/healthz/ready", "port": 15021},
    "periodSeconds": 1,
    "timeoutSeconds": 3,
    "failureThreshold": 30,
}


def gateway_objects(options: InstallOptions, gateway: Gateway) -> tuple[dict[str, Any], ...]:
    """ServiceAccount, Deployment and Service of one gateway."""
    meta = {"name": gateway.name, "namespace": gateway.namespace, "labels": _labels(gateway)}
    account = {**meta, "name": _account(gateway)}
    return (
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": _deployment_spec(options, gateway)},
        {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": _service_spec(gateway)},
    )


def _labels(gateway: Gateway) -> dict[str, str]:
    return {"app": gateway.name, "istio": f"{gateway.kind}gateway", **dict(gateway.labels)}


def _account(gateway: Gateway) -> str:
    return f"{gateway.name}-service-account"


def _service_spec(gateway: Gateway) -> dict[str, Any]:
    ports = [{"name": n, "port": p, "targetPort": t, "protocol": "TCP"} for n, p, t in SERVICE_PORTS[gateway.kind]]
    kind = "LoadBalancer" if gateway.kind == "ingress" else "ClusterIP"
    return {"type": kind, "selector": _labels(gateway), "ports": ports, **gateway.service}


def _deployment_spec(options: InstallOptions, gateway: Gateway) -> dict[str, Any]:
    labels = {
        **_labels(gateway),
        "sidecar.istio.io/inject": "false",
        "service.istio.io/canonical-name": gateway.name,
        "service.istio.io/canonical-revision": "latest",
    }
    annotations = {
        "prometheus.io/port": "15020",
        "prometheus.io/scrape": "true",
        "prometheus.io/path": "/stats/prometheus",
    }
    template = {"metadata": {"labels": labels, "annotations": annotations}, "spec": _pod_spec(options, gateway)}
    return {"replicas": gateway.replicas, "selector": {"matchLabels": _labels(gateway)}, "template": template}


def _pod_spec(options: InstallOptions, gateway: Gateway) -> dict[str, Any]:
    return {
        "serviceAccountName": _account(gateway),
        "securityContext": {
            "runAsUser": 1337,
            "runAsGroup": 1337,
            "runAsNonRoot": True,
            "sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}],
        },
        "containers": [_proxy(options, gateway)],
        "volumes": _volumes(),
    }


def _proxy(options: InstallOptions, gateway: Gateway) -> dict[str, Any]:
    return {
        "name": "istio-proxy",
        "image": options.image("proxyv2"),
        "args": [
            "proxy",
            "router",
            "--domain",
            "$(POD_NAMESPACE).svc.cluster.local",
            "--proxyLogLevel=warning",
            "--log_output_level=default:info",
        ],
        "ports": [{"containerPort": target, "name": name} for name, _, target in SERVICE_PORTS[gateway.kind]]
        + [{"containerPort": 15090, "name": "http-envoy-prom"}],
        "env": [*_env(gateway), *gateway.env],
        "readinessProbe": dict(PROBE),
        "resources": gateway.resources,
        "volumeMounts": [
            {"name": "workload-socket", "mountPath": "/var/run/secrets/workload-spiffe-uds"},
            {"name": "istio-envoy", "mountPath": "/etc/istio/proxy"},
            {"name": "istio-token", "mountPath": "/var/run/secrets/tokens"},
            {"name": "istiod-ca-cert", "mountPath": "/var/run/secrets/istio"},
            {"name": "podinfo", "mountPath": "/etc/istio/pod"},
        ],
    }


def _env(gateway: Gateway) -> list[dict[str, Any]]:
    fields = {
        "POD_NAME": "metadata.name",
        "POD_NAMESPACE": "metadata.namespace",
        "INSTANCE_IP": "status.podIP",
        "HOST_IP": "status.hostIP",
        "SERVICE_ACCOUNT": "spec.serviceAccountName",
    }
    owner = f"kubernetes://apis/apps/v1/namespaces/{gateway.namespace}/deployments/{gateway.name}"
    values = {
        "PILOT_CERT_PROVIDER": "istiod",
        "CA_ADDR": "istiod.istio-system.svc:15012",
        "ISTIO_META_WORKLOAD_NAME": gateway.name,
        "ISTIO_META_OWNER": owner,
        "ISTIO_META_MESH_ID": "cluster.local",
        "ISTIO_META_CLUSTER_ID": "Kubernetes",
        "TRUST_DOMAIN": "cluster.local",
    }
    by_field = [{"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in fields.items()]
    return by_field + [{"name": name, "value": value} for name, value in values.items()]


def _volumes() -> list[dict[str, Any]]:
    token = {"serviceAccountToken": {"path": "istio-token", "expirationSeconds": 43200, "audience": "istio-ca"}}
    info = [{"path": name, "fieldRef": {"fieldPath": f"metadata.{name}"}} for name in ("labels", "annotations")]
    return [
        {"name": "workload-socket", "emptyDir": {}},
        {"name": "istio-envoy", "emptyDir": {}},
        {"name": "istio-token", "projected": {"sources": [token]}},
        {"name": "istiod-ca-cert", "configMap": {"name": "istio-ca-root-cert"}},
        {"name": "podinfo", "downwardAPI": {"items": info}},
    ]
