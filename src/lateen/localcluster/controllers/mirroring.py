"""Endpoints that users write by hand, as EndpointSlices, so that every reader needs to know slices only.

In: an Endpoints object whose Service has no selector. Out: one slice per subset.
Rule: the label `endpointslice.kubernetes.io/skip-mirror: "true"` leaves an object alone.
https://kubernetes.io/docs/concepts/services-networking/service/#endpointslice-mirroring
"""

from __future__ import annotations

from collections.abc import Iterator

from lateen.localcluster.controllers.endpoints import MANAGED_BY, SERVICE_NAME
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

__all__ = ["MIRRORING"]

_MANAGER = "endpointslicemirroring-controller.k8s.io"
_SKIP = "endpointslice.kubernetes.io/skip-mirror"


def wakes(_view: Snapshot, change: Change) -> Iterator[Key]:
    """A Service and its Endpoints have one name; a mirrored slice says in a label whose it is."""
    meta = change.any["metadata"]
    if change.kind != "EndpointSlice":
        yield meta["namespace"], meta["name"]
    elif (labels := meta.get("labels") or {}).get(MANAGED_BY) == _MANAGER:
        yield meta["namespace"], labels.get(SERVICE_NAME, "")


def reconcile(moment: Moment, key: Key) -> Outcome:
    endpoints = moment.view.get("Endpoints", *key)
    mirrored = endpoints is not None and _is_mirrored(moment.view, endpoints, key)
    wanted = list(_slices(endpoints)) if mirrored and endpoints is not None else []
    return Outcome(tuple(_actions(moment.view, key, {item["metadata"]["name"]: item for item in wanted})))


def _is_mirrored(view: Snapshot, endpoints: Object, key: Key) -> bool:
    service = view.get("Service", *key)
    skipped = (endpoints["metadata"].get("labels") or {}).get(_SKIP) == "true"
    return service is not None and not service["spec"].get("selector") and not skipped


def _slices(endpoints: Object) -> Iterator[Object]:
    meta = endpoints["metadata"]
    labels = {**(meta.get("labels") or {}), SERVICE_NAME: meta["name"], MANAGED_BY: _MANAGER}
    for number, subset in enumerate(endpoints.get("subsets") or ()):
        yield {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": f"{meta['name']}-mirrored-{number}",
                "namespace": meta["namespace"],
                "labels": labels,
                "ownerReferences": [owner_reference("v1", "Endpoints", endpoints)],
            },
            "addressType": "IPv4",
            "endpoints": [
                *(_endpoint(address, ready=True) for address in subset.get("addresses") or ()),
                *(_endpoint(address, ready=False) for address in subset.get("notReadyAddresses") or ()),
            ],
            "ports": [{"name": "", "protocol": "TCP", **port} for port in subset.get("ports") or ()],
        }


def _endpoint(address: Object, *, ready: bool) -> Object:
    found: Object = {"addresses": [address["ip"]], "conditions": {"ready": ready}}
    found.update({field: address[field] for field in ("hostname", "nodeName", "targetRef") if address.get(field)})
    return found


def _actions(view: Snapshot, key: Key, wanted: dict[str, Object]) -> Iterator[Action]:
    existing = {item["metadata"]["name"]: item for item in _managed(view, key)}
    for name, item in wanted.items():
        found = existing.get(name)
        if found is None:
            yield Create("EndpointSlice", item)
        elif any((found.get(field) or []) != item[field] for field in ("endpoints", "ports")):
            yield Update("EndpointSlice", {**item, "metadata": found["metadata"]})
    for name, item in existing.items():
        if name not in wanted:
            yield Delete("EndpointSlice", key[0], name, uid_of(item))


def _managed(view: Snapshot, key: Key) -> list[Object]:
    wanted = (key[1], _MANAGER)
    slices = view.list("EndpointSlice", key[0])
    return [item for item in slices if _labels(item) == wanted]


def _labels(item: Object) -> tuple[str, str]:
    labels = item["metadata"].get("labels") or {}
    return labels.get(SERVICE_NAME, ""), labels.get(MANAGED_BY, "")


MIRRORING = Controller(
    "endpointslicemirroring-controller", frozenset({"Service", "Endpoints", "EndpointSlice"}), wakes, reconcile
)
