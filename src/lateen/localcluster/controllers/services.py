"""Services of type LoadBalancer get an address at once: on one machine the service's own address is reachable.

In: a Service. Out: its status. Rule: other types lose the status that a change of type left behind.
"""

from __future__ import annotations

from collections.abc import Iterator

from lateen.localcluster.controllers.model import Change, Controller, Key, Moment, Object, Outcome, Snapshot, Update

__all__ = ["LOAD_BALANCER"]


def wakes(_view: Snapshot, change: Change) -> Iterator[Key]:
    if change.obj is not None:
        yield change.obj["metadata"]["namespace"], change.obj["metadata"]["name"]


def reconcile(moment: Moment, key: Key) -> Outcome:
    service = moment.view.get("Service", *key)
    if service is None:
        return Outcome()
    status = service.get("status") or {}
    wanted = _addresses(service)
    if ((status.get("loadBalancer") or {}).get("ingress") or []) == wanted:
        return Outcome()
    balancer = {"ingress": wanted} if wanted else {}
    return Outcome((Update("Service", {**service, "status": {**status, "loadBalancer": balancer}}, "status"),))


def _addresses(service: Object) -> list[Object]:
    spec = service["spec"]
    address = spec.get("clusterIP")
    if spec.get("type") != "LoadBalancer" or not address or address == "None":
        return []
    return [{"ip": address, "ipMode": "VIP"}]


LOAD_BALANCER = Controller("service-controller", frozenset({"Service"}), wakes, reconcile)
