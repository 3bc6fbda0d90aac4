"""The pods behind a Service, with its ports resolved for each: what slices and Endpoints are both made of.

In: a Service with a selector and the pods of its namespace. Out: `Backend`s.
Rule: a pod counts once it has an address and until it has finished; a named port that it lacks is left out for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lateen.localcluster.controllers.model import Object, Snapshot, uid_of
from lateen.localcluster.controllers.pods import is_ready, is_terminating
from lateen.localcluster.label_match import equal_labels

__all__ = [
    "HEADLESS",
    "Backend",
    "Ports",
    "backends_of",
    "differs",
    "hostname_of",
    "merged",
    "port_object",
    "reference_to",
]

HEADLESS = "service.kubernetes.io/headless"
Ports = tuple[tuple[str, str, int, str], ...]  # (name, protocol, number, appProtocol), in the Service's order


@dataclass(frozen=True, slots=True)
class Backend:
    """A pod behind a Service, with the Service's ports resolved for it."""

    pod: Object
    address: str
    ports: Ports
    ready: bool
    serving: bool
    terminating: bool


def backends_of(view: Snapshot, service: Object) -> Iterator[Backend]:
    spec = service["spec"]
    for pod in view.list("Pod", service["metadata"]["namespace"]):
        status = pod.get("status") or {}
        address = status.get("podIP")
        if not address or status.get("phase") in ("Succeeded", "Failed"):
            continue
        if not equal_labels(spec["selector"], pod["metadata"].get("labels") or {}):
            continue
        serving, terminating = is_ready(pod), is_terminating(pod)
        ready = bool(spec.get("publishNotReadyAddresses")) or (serving and not terminating)
        ports = tuple(_ports(service, pod))
        yield Backend(pod, str(address), ports, ready, serving, terminating)


def _ports(service: Object, pod: Object) -> Iterator[tuple[str, str, int, str]]:
    """The Service's ports as this pod has them; a named one that the pod lacks is left out."""
    for port in service["spec"].get("ports") or ():
        protocol = str(port.get("protocol") or "TCP")
        number = _target(port, protocol, pod)
        if number:
            yield str(port.get("name") or ""), protocol, number, str(port.get("appProtocol") or "")


def _target(port: Mapping[str, Any], protocol: str, pod: Object) -> int:
    target = port.get("targetPort")
    if target is None or target == 0:
        return int(port["port"])
    if isinstance(target, int):
        return target
    spec = pod.get("spec") or {}
    sidecars = [item for item in spec.get("initContainers") or () if item.get("restartPolicy") == "Always"]
    for container in (*(spec.get("containers") or ()), *sidecars):
        for offered in container.get("ports") or ():
            if offered.get("name") == target and str(offered.get("protocol") or "TCP") == protocol:
                return int(offered["containerPort"])
    return 0


def hostname_of(service: Object, pod: Object) -> str:
    """Pods that name this Service as their subdomain get a DNS name of their own below it."""
    spec = pod.get("spec") or {}
    named = spec.get("hostname") and spec.get("subdomain") == service["metadata"]["name"]
    return str(spec["hostname"]) if named else ""


def reference_to(pod: Object) -> Object:
    meta = pod["metadata"]
    return {"kind": "Pod", "namespace": meta["namespace"], "name": meta["name"], "uid": uid_of(pod)}


def port_object(port: tuple[str, str, int, str]) -> Object:
    name, protocol, number, app_protocol = port
    made: Object = {"name": name, "protocol": protocol, "port": number}
    return {**made, "appProtocol": app_protocol} if app_protocol else made


def differs(found: Object, wanted: Object, fields: tuple[str, ...]) -> bool:
    same_labels = (found["metadata"].get("labels") or {}) == (wanted["metadata"].get("labels") or {})
    return not same_labels or any((found.get(field) or []) != (wanted.get(field) or []) for field in fields)


def merged(found: Object, wanted: Object) -> Object:
    """The wanted contents under the identity of the stored object."""
    labels = wanted["metadata"].get("labels")
    meta = {**found["metadata"], "labels": labels} if labels else found["metadata"]
    return {**wanted, "metadata": meta}
