"""Objects that every local cluster has from its first start.

In: the mesh's addresses. Out: objects as a client would create them: the namespaces, the Services of the API server
and of DNS with their endpoints, and the definitions of the Istio kinds. The rule: what a user has changed is left
alone; only definitions follow this program's version.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from lateen.localcluster import facts
from lateen.localcluster.registry import version_rank

JSON = dict[str, Any]
NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")


class Addresses(NamedTuple):
    """Where the API server and the mesh's DNS are reached."""

    kubernetes: str  # cluster address of the Service kubernetes
    api_host: str
    api_port: int
    dns: str  # cluster address of the Service kube-dns
    dns_host: str


def namespaces() -> list[JSON]:
    """The namespaces that Kubernetes always has."""
    return [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in NAMESPACES]


def services(addresses: Addresses) -> list[JSON]:
    """`kubernetes` and `kube-dns`; neither has a selector, their endpoints are given."""
    return [
        _service("default", "kubernetes", addresses.kubernetes, [_port("https", 443, "TCP", addresses.api_port)]),
        _service(
            "kube-system", "kube-dns", addresses.dns, [_port("dns", 53, "UDP", 53), _port("dns-tcp", 53, "TCP", 53)]
        ),
    ]


def endpoints(addresses: Addresses) -> list[JSON]:
    """Endpoints and EndpointSlices of the two Services."""
    api_ports = [{"name": "https", "port": addresses.api_port, "protocol": "TCP"}]
    dns_ports = [
        {"name": "dns", "port": 53, "protocol": "UDP"},
        {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
    ]
    return [
        *_endpoints("default", "kubernetes", addresses.api_host, api_ports),
        *_endpoints("kube-system", "kube-dns", addresses.dns_host, dns_ports),
    ]


def _port(name: str, port: int, protocol: str, target: int) -> JSON:
    return {"name": name, "port": port, "protocol": protocol, "targetPort": target}


def _service(namespace: str, name: str, address: str, ports: list[JSON]) -> JSON:
    meta = {"name": name, "namespace": namespace, "labels": {"kubernetes.io/cluster-service": "true"}}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta,
        "spec": {"clusterIP": address, "ports": ports, "type": "ClusterIP"},
    }


def _endpoints(namespace: str, name: str, host: str, ports: list[JSON]) -> list[JSON]:
    meta = {"name": name, "namespace": namespace}
    labels = {"kubernetes.io/service-name": name}
    return [
        {
            "apiVersion": "v1",
            "kind": "Endpoints",
            "metadata": {**meta, "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"}},
            "subsets": [{"addresses": [{"ip": host}], "ports": ports}],
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {**meta, "labels": labels},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [host], "conditions": {"ready": True, "serving": True, "terminating": False}}],
            "ports": ports,
        },
    ]


def istio_definitions() -> list[JSON]:
    """The definitions of the Istio kinds."""
    return [_definition(row) for row in facts.load("istio")]


def _definition(row: JSON) -> JSON:
    plural, group = row["names"]["plural"], row["group"]
    versions = sorted(row["versions"], key=lambda version: version_rank(version["name"]))
    meta = {"name": f"{plural}.{group}", "labels": {"app": "istio-pilot", "chart": "istio", "release": "istio"}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": meta,
        "spec": {
            "group": group,
            "names": row["names"],
            "scope": row["scope"],
            "versions": [_version(version) for version in versions],
        },
    }


def _version(version: JSON) -> JSON:
    kept: JSON = {key: version[key] for key in ("name", "served", "storage", "subresources") if key in version}
    if version.get("additionalPrinterColumns"):
        kept["additionalPrinterColumns"] = version["additionalPrinterColumns"]
    return {**kept, "schema": {"openAPIV3Schema": {"type": "object", **version["schema"]}}}
