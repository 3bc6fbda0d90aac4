"""The Endpoints object: the older shape of a Service's endpoints, which some clients still read.

In: a Service and its backends. Out: the action that brings the stored object up to date.
Rule: pods that are going away are left out, for clients of this shape know nothing of terminating endpoints.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lateen.localcluster.controllers.backends import (
    HEADLESS,
    Backend,
    Ports,
    differs,
    hostname_of,
    merged,
    port_object,
    reference_to,
)
from lateen.localcluster.controllers.model import Action, Create, Object, Snapshot, Update

__all__ = ["endpoints_actions"]


def endpoints_actions(view: Snapshot, service: Object, backends: Sequence[Backend]) -> Iterator[Action]:
    meta = service["metadata"]
    labels = {**(meta.get("labels") or {})}
    if service["spec"].get("clusterIP") == "None":
        labels[HEADLESS] = ""
    wanted: Object = {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {"name": meta["name"], "namespace": meta["namespace"], **({"labels": labels} if labels else {})},
        "subsets": list(_subsets(service, backends)),
    }
    found = view.get("Endpoints", meta["namespace"], meta["name"])
    if found is None:
        yield Create("Endpoints", wanted)
    elif differs(found, wanted, ("subsets",)):
        yield Update("Endpoints", merged(found, wanted))


def _subsets(service: Object, backends: Sequence[Backend]) -> Iterator[Object]:
    """Addresses by ports, ready and not ready apart."""
    groups: dict[Ports, tuple[list[Object], list[Object]]] = {}
    keep_all = bool(service["spec"].get("publishNotReadyAddresses"))
    for backend in backends:
        if backend.terminating and not keep_all:
            continue
        ready, waiting = groups.setdefault(backend.ports, ([], []))
        (ready if backend.ready else waiting).append(_address(service, backend))
    for ports, (ready, waiting) in groups.items():
        subset: Object = {}
        if ready:
            subset["addresses"] = ready
        if waiting:
            subset["notReadyAddresses"] = waiting
        if ports:
            subset["ports"] = [{key: value for key, value in port_object(port).items() if value} for port in ports]
        yield subset


def _address(service: Object, backend: Backend) -> Object:
    made: Object = {"ip": backend.address, "targetRef": reference_to(backend.pod)}
    node = (backend.pod.get("spec") or {}).get("nodeName")
    if node:
        made["nodeName"] = node
    hostname = hostname_of(service, backend.pod)
    return {**made, "hostname": hostname} if hostname else made
