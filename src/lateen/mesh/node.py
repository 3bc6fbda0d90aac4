"""Who a proxy says it is: the facts of Envoy's `Node` message as one frozen value.

In: the Node as a plain dictionary (protobuf JSON names: id, cluster, metadata, locality, userAgentVersion...). Out:
`ProxyNode`, hashable, so that queries may take it as an argument. Rule: nothing here is trusted for identity (that
comes from the certificate); a node that cannot be read is an error for its own stream only.
"""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from lateen.engine import Table

Labels = tuple[tuple[str, str], ...]
MAX_TEXT = 512
"""Characters of a node's names; Kubernetes' own are at most 253."""
_LONGEST_NUMBER = 9
_SHOWN = (
    "pod_name", "namespace", "workload_name", "service_account", "cluster_id", "mesh_id", "network", "dns_domain",
    "owner", "node_name",
)  # fmt: skip


class NodeError(ValueError):
    """The node of a stream cannot be read; the message says which part and what is expected."""


class ProxyNode(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """One proxy. `labels` are sorted pairs; `version` is Istio's version as (major, minor, patch)."""

    id: str
    type: Literal["sidecar", "router"]
    ip_addresses: tuple[str, ...]
    namespace: str
    pod_name: str
    workload_name: str = ""
    labels: Labels = ()
    annotations: Labels = ()
    service_account: str = ""
    cluster_id: str = "Kubernetes"
    mesh_id: str = "cluster.local"
    network: str = ""
    locality: tuple[str, str, str] = ("", "", "")
    dns_domain: str = ""
    version: tuple[int, int, int] = (1, 32, 0)
    flavour: Literal["stock", "istio"] = "istio"
    interception_mode: Literal["REDIRECT", "TPROXY", "NONE"] = "REDIRECT"
    dns_capture: bool = False
    owner: str = ""
    node_name: str = ""

    @property
    def cluster_domain(self) -> str:
        """The DNS suffix of the cluster, e.g. `cluster.local`: the DNS domain without its `<namespace>.svc.` part."""
        return self.dns_domain.removeprefix(f"{self.namespace}.svc.") or "cluster.local"


PROXIES: Table[str, ProxyNode] = Table("proxies", indexes={"namespace": lambda _key, node: [node.namespace]})
"""The connected proxies, keyed by node id. The control plane sets and removes rows as streams open and close."""


def _pairs(value: object) -> Labels:
    if not isinstance(value, Mapping):
        return ()
    return tuple(sorted((str(name), str(text)) for name, text in value.items()))


def _version(text: str) -> tuple[int, int, int]:
    numbers = []
    for part in text.split("-", maxsplit=1)[0].split("."):
        if not (part.isascii() and part.isdigit()) or len(part) > _LONGEST_NUMBER:
            break
        numbers.append(int(part))
    major, minor, patch = [*numbers, 0, 0, 0][:3]
    return (major, minor, patch) if major else (1, 32, 0)


def _flag(value: object) -> bool:
    return str(value).lower() in {"true", "1"}


def _addresses(from_id: str, metadata: Mapping[str, Any]) -> tuple[str, ...]:
    listed = metadata.get("INSTANCE_IPS", "")
    found = [part.strip() for part in str(listed).split(",") if part.strip()] if listed else []
    return tuple(dict.fromkeys([address for address in [from_id, *found] if address]))


def _split_id(node_id: str) -> tuple[Literal["sidecar", "router"], str, str, str]:
    if len(node_id) > 2 * MAX_TEXT or not node_id.isprintable():
        raise NodeError(f"node id {node_id[:80]!r}... is too long, or has characters that are not printable")
    parts = node_id.split("~")
    if len(parts) != 4:
        raise NodeError(f"node id {node_id!r} must have four parts TYPE~IP~POD.NAMESPACE~DNS-DOMAIN")
    kind, address, pod, domain = parts
    if kind == "sidecar":
        return "sidecar", address, pod, domain
    if kind == "router":
        return "router", address, pod, domain
    raise NodeError(f"node id {node_id!r} has type {kind!r}; served are sidecar and router")


def _locality(facts: Mapping[str, Any]) -> tuple[str, str, str]:
    locality = facts.get("locality") or {}
    return (
        str(locality.get("region", "")),
        str(locality.get("zone", "")),
        str(locality.get("subZone", locality.get("sub_zone", ""))),
    )


def _mode(metadata: Mapping[str, Any]) -> Literal["REDIRECT", "TPROXY", "NONE"]:
    mode = str(metadata.get("INTERCEPTION_MODE", "REDIRECT"))
    return "TPROXY" if mode == "TPROXY" else "NONE" if mode == "NONE" else "REDIRECT"


def parse_node(facts: Mapping[str, Any]) -> ProxyNode:
    """Read Envoy's Node. Raises `NodeError` if the id is not of the form
    `sidecar~10.0.0.1~pod.ns~ns.svc.cluster.local`, or for a name that no log or table should show.
    """
    node = _read(facts)
    for field in _SHOWN:
        text = getattr(node, field)
        if len(text) > MAX_TEXT or not text.isprintable():
            raise NodeError(f"the node's {field} {text[:80]!r} is too long, or has characters that are not printable")
    return node


def _read(facts: Mapping[str, Any]) -> ProxyNode:
    node_id = str(facts.get("id", ""))
    kind, address, pod, domain = _split_id(node_id)
    metadata: Mapping[str, Any] = facts.get("metadata") or {}
    pod_name, _, pod_namespace = pod.rpartition(".")
    return ProxyNode(
        id=node_id,
        type=kind,
        ip_addresses=_addresses(address, metadata),
        namespace=str(metadata.get("NAMESPACE") or pod_namespace),
        pod_name=str(metadata.get("NAME") or pod_name),
        workload_name=str(metadata.get("WORKLOAD_NAME", "")),
        labels=_pairs(metadata.get("LABELS")),
        annotations=_pairs(metadata.get("ANNOTATIONS")),
        service_account=str(metadata.get("SERVICE_ACCOUNT", "")),
        cluster_id=str(metadata.get("CLUSTER_ID") or "Kubernetes"),
        mesh_id=str(metadata.get("MESH_ID") or "cluster.local"),
        network=str(metadata.get("NETWORK", "")),
        locality=_locality(facts),
        dns_domain=domain,
        version=_version(str(metadata.get("ISTIO_VERSION", ""))),
        flavour="stock" if metadata.get("PROXY_FLAVOUR") == "stock" else "istio",
        interception_mode=_mode(metadata),
        dns_capture=_flag(metadata.get("DNS_CAPTURE", "")),
        owner=str(metadata.get("OWNER", "")),
        node_name=str(metadata.get("NODE_NAME", "")),
    )
