"""Endpoints and EndpointSlices: where the pods behind a Service are, and whether they want traffic.

In: a Service with a selector and the pods of its namespace. Out: slices, one per set of resolved ports (and per
thousand addresses), and the older Endpoints object, which some clients still read.
Rules: a slice says of a pod whether it is ready, whether it still serves and whether it is going away; the names of
slices follow from their ports, so that a slice is changed in place and never flaps.
https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lateen.localcluster.controllers.backends import (
    HEADLESS,
    Backend,
    Ports,
    backends_of,
    differs,
    hostname_of,
    merged,
    port_object,
    reference_to,
)
from lateen.localcluster.controllers.endpoints_object import endpoints_actions
from lateen.localcluster.controllers.model import (
    Action,
    Change,
    Controller,
    Create,
    Delete,
    Key,
    Moment,
    Object,
    Outcome,
    Snapshot,
    Update,
    owner_reference,
    uid_of,
)
from lateen.localcluster.controllers.nothing_selected import nothing_selected
from lateen.localcluster.controllers.pods import is_ready, is_terminating
from lateen.localcluster.label_match import equal_labels

__all__ = ["ENDPOINTS", "MANAGED_BY", "SERVICE_NAME"]

SERVICE_NAME = "kubernetes.io/service-name"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
_MANAGER = "endpointslice-controller.k8s.io"
_LARGEST = 1000


def wakes(view: Snapshot, change: Change) -> Iterator[Key]:
    """A Service and its slices wake the Service; a pod those Services that select it, or did before the change."""
    meta = change.any["metadata"]
    namespace = meta["namespace"]
    if change.kind in ("Service", "Endpoints"):
        yield namespace, meta["name"]
    elif change.kind == "EndpointSlice":
        labels = meta.get("labels") or {}
        if labels.get(MANAGED_BY) == _MANAGER:
            yield namespace, labels.get(SERVICE_NAME, "")
    elif _matters(change):
        labelled = [state["metadata"].get("labels") or {} for state in change.states]
        for service in view.list("Service", namespace):
            selector = service["spec"].get("selector")
            if selector and any(equal_labels(selector, labels) for labels in labelled):
                yield namespace, service["metadata"]["name"]


def _matters(change: Change) -> bool:
    """Most changes of a pod's status say nothing new about where it is and whether it is ready."""
    if change.obj is None or change.old is None:
        return True
    return _facts(change.obj) != _facts(change.old)


def _facts(pod: Object) -> tuple[Any, ...]:
    status, spec = pod.get("status") or {}, pod.get("spec") or {}
    phase_over = status.get("phase") in ("Succeeded", "Failed")
    place = (status.get("podIP"), spec.get("nodeName"))
    return (is_ready(pod), is_terminating(pod), phase_over, place, pod["metadata"].get("labels"))


def reconcile(moment: Moment, key: Key) -> Outcome:
    service = moment.view.get("Service", *key)
    if service is None or service["metadata"].get("deletionTimestamp"):
        return Outcome(tuple(_remove_all(moment.view, key)))
    selector = service["spec"].get("selector")
    if not selector or service["spec"].get("type") == "ExternalName":
        return Outcome()
    backends = sorted(backends_of(moment.view, service), key=lambda backend: backend.address)
    wanted = {item["metadata"]["name"]: item for item in _slices(service, backends)}
    written = (*_slice_actions(moment.view, key, wanted), *endpoints_actions(moment.view, service, backends))
    complaint = None if backends else nothing_selected(moment, service)
    if complaint is None:
        return Outcome(written)
    return Outcome((*written, *complaint.actions), complaint.again_in)


def _remove_all(view: Snapshot, key: Key) -> Iterator[Action]:
    """What a Service that is gone leaves behind: slices by their label, Endpoints by the name."""
    for item in _managed(view, key):
        yield Delete("EndpointSlice", key[0], item["metadata"]["name"], uid_of(item))
    endpoints = view.get("Endpoints", *key)
    if endpoints is not None:
        yield Delete("Endpoints", key[0], key[1], uid_of(endpoints))


def _managed(view: Snapshot, key: Key) -> list[Object]:
    found = []
    for item in view.list("EndpointSlice", key[0]):
        labels = item["metadata"].get("labels") or {}
        if labels.get(SERVICE_NAME) == key[1] and labels.get(MANAGED_BY) == _MANAGER:
            found.append(item)
    return found


def _slices(service: Object, backends: Sequence[Backend]) -> Iterator[Object]:
    groups: dict[Ports, list[Backend]] = {}
    for backend in backends:
        groups.setdefault(backend.ports, []).append(backend)
    if not groups:
        yield _slice(service, (), [], 0)
    for ports, members in groups.items():
        for part in range(0, len(members), _LARGEST):
            yield _slice(service, ports, members[part : part + _LARGEST], part // _LARGEST)


def _slice(service: Object, ports: Ports, members: Sequence[Backend], part: int) -> Object:
    meta = service["metadata"]
    labels = {**(meta.get("labels") or {}), SERVICE_NAME: meta["name"], MANAGED_BY: _MANAGER}
    if service["spec"].get("clusterIP") == "None":
        labels[HEADLESS] = ""
    digest = hashlib.sha256(f"{uid_of(service)}{ports}{part}".encode()).hexdigest()
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{meta['name']}-{digest[:5]}",
            "namespace": meta["namespace"],
            "labels": labels,
            "ownerReferences": [owner_reference("v1", "Service", service)],
        },
        "addressType": "IPv4",
        "endpoints": [_endpoint(service, backend) for backend in members],
        "ports": [port_object(port) for port in ports],
    }


def _endpoint(service: Object, backend: Backend) -> Object:
    found: Object = {
        "addresses": [backend.address],
        "conditions": {"ready": backend.ready, "serving": backend.serving, "terminating": backend.terminating},
        "targetRef": reference_to(backend.pod),
    }
    node = (backend.pod.get("spec") or {}).get("nodeName")
    if node:
        found["nodeName"] = node
    hostname = hostname_of(service, backend.pod)
    if hostname:
        found["hostname"] = hostname
    return found


def _slice_actions(view: Snapshot, key: Key, wanted: Mapping[str, Object]) -> Iterator[Action]:
    existing = {item["metadata"]["name"]: item for item in _managed(view, key)}
    for name, item in wanted.items():
        found = existing.get(name)
        if found is None:
            yield Create("EndpointSlice", item)
        elif differs(found, item, ("endpoints", "ports")):
            yield Update("EndpointSlice", merged(found, item))
    for name, item in existing.items():
        if name not in wanted:
            yield Delete("EndpointSlice", key[0], name, uid_of(item))


ENDPOINTS = Controller(
    "endpointslice-controller", frozenset({"Service", "Endpoints", "EndpointSlice", "Pod"}), wakes, reconcile
)
