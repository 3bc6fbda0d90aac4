"""A made-up cluster of any size, as Kubernetes objects.

In: a `Shape`. Out: objects by key, in the form in which an API server would list them. Rule: the same shape gives the
same objects, so two runs differ only in what is measured; names and addresses follow from numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]
Key = tuple[str, str, str]
"""Kind, namespace, name."""

CREATED = "2026-01-01T00:00:00Z"
ACCOUNT = "default"
SYSTEM = "istio-system"
MESH = "trustDomain: cluster.local\nrootNamespace: istio-system\nenablePrometheusMerge: true\n"


@dataclass(frozen=True)
class Shape:
    """How large the world is. Policies, rules and routes belong to the first services, one each.

    `sidecars`: each namespace has a Sidecar that shows its proxies only their own namespace.
    """

    services: int = 200
    endpoints: int = 5
    namespaces: int = 10
    virtual_services: int = 20
    destination_rules: int = 20
    policies: int = 10
    gateways: int = 2
    sidecars: bool = False

    def namespace_of(self, number: int) -> str:
        """Where service `number` lives."""
        return f"load-{number % self.namespaces}"


def key_of(obj: Object) -> Key:
    meta = obj["metadata"]
    return obj["kind"], meta.get("namespace", ""), meta["name"]


def world(shape: Shape) -> dict[Key, Object]:
    """Every object of the cluster."""
    return {key_of(obj): obj for obj in _objects(shape)}


def _objects(shape: Shape) -> Iterator[Object]:
    for name in (SYSTEM, *(f"load-{number}" for number in range(shape.namespaces))):
        labels = {"kubernetes.io/metadata.name": name}
        yield made("v1", "Namespace", "", name, labels, {"spec": {}})
        yield made("v1", "ServiceAccount", name, ACCOUNT)
    yield made("v1", "ConfigMap", SYSTEM, "istio", fields={"data": {"mesh": MESH}})
    for number in range(shape.services):
        yield from service_objects(shape, number)
    yield from (virtual_service(shape, number) for number in range(shape.virtual_services))
    yield from (destination_rule(shape, number) for number in range(shape.destination_rules))
    yield from (policy(shape, number) for number in range(shape.policies))
    yield from (gateway(number) for number in range(shape.gateways))
    if shape.sidecars:
        yield from (sidecar(number) for number in range(shape.namespaces))


def made(
    version: str,
    kind: str,
    namespace: str,
    name: str,
    labels: dict[str, str] | None = None,
    fields: dict[str, Any] | None = None,
) -> Object:
    """One object with the metadata that every stored object has."""
    meta: Object = {"name": name, "creationTimestamp": CREATED, "uid": f"{kind}-{namespace}-{name}".lower()}
    if namespace:
        meta["namespace"] = namespace
    if labels:
        meta["labels"] = labels
    return {"apiVersion": version, "kind": kind, "metadata": meta, **(fields or {})}


def service_objects(shape: Shape, number: int) -> tuple[Object, ...]:
    """A service with its pods and its slice of endpoints."""
    pods = tuple(pod(shape, number, index) for index in range(shape.endpoints))
    return (service(shape, number), *pods, endpoint_slice(shape, number, tuple(range(shape.endpoints))))


def service(shape: Shape, number: int) -> Object:
    spec = {
        "clusterIP": f"10.96.{number // 250}.{number % 250 + 1}",
        "clusterIPs": [f"10.96.{number // 250}.{number % 250 + 1}"],
        "type": "ClusterIP",
        "selector": {"app": f"svc-{number}"},
        "ports": [{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}],
    }
    return made("v1", "Service", shape.namespace_of(number), f"svc-{number}", fields={"spec": spec})


def pod_name(number: int, index: int) -> str:
    return f"svc-{number}-{index}"


def pod_address(number: int, index: int) -> str:
    """Up to 240 pods of each of 65,000 services have an address of their own."""
    return f"{20 + number // 65000}.{number // 250 % 250}.{number % 250}.{index + 1}"


def pod(shape: Shape, number: int, index: int) -> Object:
    """A running pod with a sidecar."""
    address = pod_address(number, index)
    labels = {"app": f"svc-{number}", "version": f"v{index % 2 + 1}", "security.istio.io/tlsMode": "istio"}
    container = {"name": "app", "image": "app:1", "ports": [{"containerPort": 8080}]}
    status = {
        "phase": "Running",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "conditions": [{"type": "Ready", "status": "True"}],
    }
    spec = {"serviceAccountName": ACCOUNT, "nodeName": "node-1", "containers": [container]}
    fields = {"spec": spec, "status": status}
    return made("v1", "Pod", shape.namespace_of(number), pod_name(number, index), labels, fields)


def endpoint_slice(shape: Shape, number: int, indexes: tuple[int, ...]) -> Object:
    """The slice of a service's pods with these indexes."""
    namespace = shape.namespace_of(number)
    ready = {"ready": True, "serving": True, "terminating": False}
    endpoints = [
        {
            "addresses": [pod_address(number, index)],
            "conditions": ready,
            "nodeName": "node-1",
            "targetRef": {"kind": "Pod", "namespace": namespace, "name": pod_name(number, index)},
        }
        for index in indexes
    ]
    fields = {
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
    }
    labels = {"kubernetes.io/service-name": f"svc-{number}"}
    return made("discovery.k8s.io/v1", "EndpointSlice", namespace, f"svc-{number}-1", labels, fields)


def virtual_service(shape: Shape, number: int, seconds: int = 5) -> Object:
    """Routes of a service by path, with a timeout."""
    namespace, name = shape.namespace_of(number), f"svc-{number}"
    to_it = [{"destination": {"host": f"{name}.{namespace}.svc.cluster.local", "port": {"number": 80}}}]
    http = [
        {"match": [{"uri": {"prefix": "/slow"}}], "timeout": f"{seconds}s", "route": to_it},
        {"timeout": "2s", "retries": {"attempts": 2}, "route": to_it},
    ]
    spec = {"hosts": [name], "http": http}
    return made("networking.istio.io/v1", "VirtualService", namespace, name, fields={"spec": spec})


def destination_rule(shape: Shape, number: int, connections: int = 100) -> Object:
    """Two subsets and a pool of connections for a service."""
    namespace, name = shape.namespace_of(number), f"svc-{number}"
    spec = {
        "host": f"{name}.{namespace}.svc.cluster.local",
        "trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": connections}}},
        "subsets": [{"name": version, "labels": {"version": version}} for version in ("v1", "v2")],
    }
    return made("networking.istio.io/v1", "DestinationRule", namespace, name, fields={"spec": spec})


def policy(shape: Shape, number: int, path: str = "/api/*") -> Object:
    """Who may call one workload."""
    namespace, name = shape.namespace_of(number), f"svc-{number}"
    source = {"source": {"namespaces": [namespace, SYSTEM]}}
    spec = {
        "selector": {"matchLabels": {"app": name}},
        "rules": [{"from": [source], "to": [{"operation": {"methods": ["GET"], "paths": [path]}}]}],
    }
    return made("security.istio.io/v1", "AuthorizationPolicy", namespace, name, fields={"spec": spec})


def gateway(number: int) -> Object:
    port = {"number": 80, "name": "http", "protocol": "HTTP"}
    server = {"port": port, "hosts": [f"gateway-{number}.example.com"]}
    spec = {"selector": {"istio": "ingressgateway"}, "servers": [server]}
    return made("networking.istio.io/v1", "Gateway", SYSTEM, f"gateway-{number}", fields={"spec": spec})


def sidecar(number: int) -> Object:
    spec = {"egress": [{"hosts": ["./*", f"{SYSTEM}/*"]}]}
    return made("networking.istio.io/v1", "Sidecar", f"load-{number}", "default", fields={"spec": spec})
