"""Everything that can be behind a service: pods and WorkloadEntries, in one form.

In: Pod and WorkloadEntry resources. Out: the collection `WORKLOADS`, by object and by address. Of a pod's
ever-changing status only its addresses are taken over, so that a restart count or a probe's timestamp re-runs nothing
here. Rule: what a workload is (labels, account, TLS) comes from here; whether an endpoint is ready comes from
EndpointSlices.
"""

from collections.abc import Iterable

import msgspec

from lateen.engine import Collection, Database
from lateen.mesh.node import Labels
from lateen.mesh.selectors import labels_of
from lateen.mesh.validity import accepted
from lateen.resources.model import Resource, ResourceKey
from lateen.resources.tables import RESOURCES

TLS_MODE_LABEL = "security.istio.io/tlsMode"
ISTIO_TLS = "istio"
NO_TLS = "disabled"

Locality = tuple[str, str, str]


class Workload(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """One thing that serves. `ports` (WorkloadEntry only) are pairs of port name and number; `weight` 0 means unset."""

    key: ResourceKey
    name: str
    labels: Labels
    service_account: str
    addresses: tuple[str, ...]
    tls_mode: str
    locality: Locality = ("", "", "")
    network: str = ""
    ports: tuple[tuple[str, int], ...] = ()
    weight: int = 0
    finished: bool = False


def locality_of(text: str) -> Locality:
    """`region/zone/subzone` (dots in labels, where slashes are not allowed) as a triple."""
    parts = text.replace(".", "/").split("/") if "/" not in text else text.split("/")
    region, zone, subzone = [*parts, "", "", ""][:3]
    return (region, zone, subzone)


def _node_locality(db: Database, node_name: str | None) -> Locality:
    node = db.get(RESOURCES, ResourceKey("Node", "", node_name)) if node_name else None
    if node is None:
        return ("", "", "")
    labels = node.meta.labels
    region = labels.get("topology.kubernetes.io/region", labels.get("failure-domain.beta.kubernetes.io/region", ""))
    zone = labels.get("topology.kubernetes.io/zone", labels.get("failure-domain.beta.kubernetes.io/zone", ""))
    return (region, zone, labels.get("topology.istio.io/subzone", ""))


def _pod_locality(db: Database, resource: Resource) -> Locality:
    own = resource.meta.labels.get("istio-locality")
    return locality_of(own) if own else _node_locality(db, resource.spec.node_name)


def owner_name(resource: Resource) -> str:
    """The name of the workload that a pod belongs to: its Deployment, StatefulSet and so on, else its own."""
    owner = resource.meta.controller
    if owner is None:
        return resource.name
    template_hash = resource.meta.labels.get("pod-template-hash", "")
    if owner.kind == "ReplicaSet" and template_hash:
        return owner.name.removesuffix(f"-{template_hash}")
    return owner.name


def _pod(db: Database, key: ResourceKey, resource: Resource) -> Workload:
    status, labels = resource.status, resource.meta.labels
    listed = tuple(entry.ip for entry in status.pod_ips) or (status.pod_ip,) if status is not None else ()
    return Workload(
        key=key,
        name=owner_name(resource),
        labels=labels_of(labels),
        service_account=resource.spec.service_account_name or resource.spec.service_account or "default",
        addresses=tuple(address for address in listed if address),
        tls_mode=labels.get(TLS_MODE_LABEL, NO_TLS),
        locality=_pod_locality(db, resource),
        network=labels.get("topology.istio.io/network", ""),
        finished=status is not None and status.phase in ("Succeeded", "Failed"),
    )


def entry_tls_mode(labels: dict[str, str], service_account: str | None) -> str:
    """Whether a WorkloadEntry speaks mutual TLS: what its label says, else whether it has an identity."""
    return labels.get(TLS_MODE_LABEL) or (ISTIO_TLS if service_account else NO_TLS)


def _entry(key: ResourceKey, resource: Resource) -> Workload:
    spec = resource.spec
    labels = {**spec.labels, **resource.meta.labels}
    return Workload(
        key=key,
        name=resource.name,
        labels=labels_of(labels),
        service_account=spec.service_account or "",
        addresses=(spec.address,) if spec.address else (),
        tls_mode=entry_tls_mode(labels, spec.service_account),
        locality=locality_of(spec.locality or ""),
        network=spec.network or "",
        ports=tuple(sorted(spec.ports.items())),
        weight=spec.weight or 0,
    )


def _workloads(db: Database, key: ResourceKey, resource: Resource) -> Iterable[tuple[ResourceKey, Workload]]:
    if key.kind == "Pod":
        yield key, _pod(db, key, resource)
    elif key.kind == "WorkloadEntry" and accepted(db, key):
        yield key, _entry(key, resource)


WORKLOADS: Collection[ResourceKey, Workload] = Collection(
    "workloads",
    RESOURCES,
    _workloads,
    indexes={
        "address": lambda _key, workload: () if workload.finished else workload.addresses,
        "kind_namespace": lambda key, _workload: [(key.kind, key.namespace)],
    },
)
"""Pods and WorkloadEntries by key."""
