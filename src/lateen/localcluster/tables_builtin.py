"""The columns of the built-in kinds, as kubectl users know them.

In: a stored object and the time. Out: cells. Pods have a file of their own (`tables_pod`), because their status
column is a small language.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lateen.localcluster.registry import KindInfo
from lateen.localcluster.tables import AGE, NAME, Column, custom_columns
from lateen.localcluster.tables_age import age
from lateen.localcluster.tables_pod import POD

JSON = dict[str, Any]
NONE = "<none>"
ROLE_PREFIX = "node-role.kubernetes.io/"
MAX_ENDPOINTS = 3


def _get(obj: Any, *path: str, default: Any = None) -> Any:
    for key in path:
        obj = obj.get(key) if isinstance(obj, dict) else None
    return default if obj is None else obj


def _count(*path: str) -> Any:
    return lambda obj, _now: _get(obj, *path, default=0)


def _text(*path: str, default: str = NONE) -> Any:
    return lambda obj, _now: str(_get(obj, *path, default=default)) or default


def _pairs(labels: Any) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted((labels or {}).items())) or NONE


def _selector(obj: JSON, _now: float) -> str:
    selector = _get(obj, "spec", "selector", default={})
    parts = [_pairs(selector.get("matchLabels"))] if selector.get("matchLabels") else []
    parts += [_expression(item) for item in selector.get("matchExpressions") or ()]
    return ",".join(parts) or NONE


def _expression(item: JSON) -> str:
    operator, values = item.get("operator", ""), ",".join(item.get("values") or ())
    if operator in ("In", "NotIn"):
        return f"{item.get('key')} {operator.lower()} ({values})"
    return f"{'!' if operator == 'DoesNotExist' else ''}{item.get('key')}"


def _containers(key: str) -> Any:
    def cell(obj: JSON, _now: float) -> str:
        containers = _get(obj, "spec", "template", "spec", "containers", default=[])
        return ",".join(str(container.get(key, "")) for container in containers)

    return cell


TEMPLATE_WIDE = (
    Column("Containers", _containers("name"), wide=True),
    Column("Images", _containers("image"), wide=True),
    Column("Selector", _selector, wide=True),
)


def _deployment_ready(obj: JSON, _now: float) -> str:
    return f"{_get(obj, 'status', 'readyReplicas', default=0)}/{_get(obj, 'spec', 'replicas', default=0)}"


def _service_external(obj: JSON, _now: float) -> str:
    spec = obj.get("spec") or {}
    kind = spec.get("type", "ClusterIP")
    external = ",".join(spec.get("externalIPs") or ())
    if kind == "ExternalName":
        return str(spec.get("externalName", ""))
    if kind == "LoadBalancer":
        ingress = _get(obj, "status", "loadBalancer", "ingress", default=[])
        addresses = [str(item.get("ip") or item.get("hostname")) for item in ingress]
        return ",".join([*addresses, *([external] if external else [])]) or "<pending>"
    return external or NONE


def _service_ports(obj: JSON, _now: float) -> str:
    parts = []
    for port in _get(obj, "spec", "ports", default=[]):
        node_port = f":{port['nodePort']}" if port.get("nodePort") else ""
        parts.append(f"{port.get('port')}{node_port}/{port.get('protocol', 'TCP')}")
    return ",".join(parts) or NONE


def _endpoints(obj: JSON, _now: float) -> str:
    found: list[str] = []
    for subset in obj.get("subsets") or ():
        addresses = [str(address.get("ip")) for address in subset.get("addresses") or ()]
        ports = subset.get("ports") or ()
        found += [f"{address}:{port.get('port')}" for port in ports for address in addresses]
        found += [] if ports else addresses
    return _shortened(found)


def _shortened(found: list[str]) -> str:
    shown = ",".join(found[:MAX_ENDPOINTS]) or NONE
    return f"{shown} + {len(found) - MAX_ENDPOINTS} more..." if len(found) > MAX_ENDPOINTS else shown


def _slice_ports(obj: JSON, _now: float) -> str:
    found = [str(port.get("port") or "*") for port in obj.get("ports") or ()]
    return _shortened(found) if found else "<unset>"


def _slice_endpoints(obj: JSON, _now: float) -> str:
    found = [str(address) for item in obj.get("endpoints") or () for address in item.get("addresses") or ()]
    return _shortened(found) if found else "<unset>"


def _data_count(obj: JSON, _now: float) -> int:
    return len(obj.get("data") or {}) + len(obj.get("binaryData") or {})


def _list_count(key: str) -> Any:
    return lambda obj, _now: len(obj.get(key) or ())


def _node_status(obj: JSON, _now: float) -> str:
    conditions = {item.get("type"): item.get("status") for item in _get(obj, "status", "conditions", default=[])}
    ready = conditions.get("Ready")
    parts = ["Unknown" if ready is None else "Ready" if ready == "True" else "NotReady"]
    if _get(obj, "spec", "unschedulable"):
        parts.append("SchedulingDisabled")
    return ",".join(parts)


def _node_roles(obj: JSON, _now: float) -> str:
    labels = _get(obj, "metadata", "labels", default={})
    return ",".join(sorted(key.removeprefix(ROLE_PREFIX) for key in labels if key.startswith(ROLE_PREFIX))) or NONE


def _node_address(kind: str) -> Any:
    def cell(obj: JSON, _now: float) -> str:
        addresses = _get(obj, "status", "addresses", default=[])
        return next((str(item.get("address")) for item in addresses if item.get("type") == kind), NONE)

    return cell


def _event_last_seen(obj: JSON, now: float) -> str:
    last = _get(obj, "series", "lastObservedTime") or obj.get("lastTimestamp") or obj.get("eventTime")
    first = obj.get("firstTimestamp") or obj.get("eventTime")
    count = _get(obj, "series", "count") or obj.get("count") or 1
    if count > 1 and first:
        return f"{age(last, now)} (x{count} over {age(first, now)})"
    return age(last, now)


def _event_first_seen(obj: JSON, now: float) -> str:
    return age(obj.get("firstTimestamp") or obj.get("eventTime"), now)


def _event_object(obj: JSON, _now: float) -> str:
    about = obj.get("involvedObject") or {}
    return f"{str(about.get('kind', '')).lower()}/{about.get('name', '')}"


def _event_source(obj: JSON, _now: float) -> str:
    component = _get(obj, "source", "component", default="") or obj.get("reportingComponent", "")
    host = _get(obj, "source", "host", default="") or obj.get("reportingInstance", "")
    return f"{component}, {host}" if host else str(component)


COLUMNS: Mapping[str, tuple[Column, ...]] = {
    "Namespace": (NAME, Column("Status", _text("status", "phase", default="")), AGE),
    "Pod": POD,
    "Deployment": (
        NAME,
        Column("Ready", _deployment_ready),
        Column("Up-to-date", _count("status", "updatedReplicas"), type="integer"),
        Column("Available", _count("status", "availableReplicas"), type="integer"),
        AGE,
        *TEMPLATE_WIDE,
    ),
    "ReplicaSet": (
        NAME,
        Column("Desired", _count("spec", "replicas"), type="integer"),
        Column("Current", _count("status", "replicas"), type="integer"),
        Column("Ready", _count("status", "readyReplicas"), type="integer"),
        AGE,
        *TEMPLATE_WIDE,
    ),
    "Service": (
        NAME,
        Column("Type", _text("spec", "type", default="ClusterIP")),
        Column("Cluster-IP", _text("spec", "clusterIP")),
        Column("External-IP", _service_external),
        Column("Port(s)", _service_ports),
        AGE,
        Column("Selector", lambda obj, _now: _pairs(_get(obj, "spec", "selector")), wide=True),
    ),
    "Endpoints": (NAME, Column("Endpoints", _endpoints), AGE),
    "EndpointSlice": (
        NAME,
        Column("AddressType", _text("addressType")),
        Column("Ports", _slice_ports),
        Column("Endpoints", _slice_endpoints),
        AGE,
    ),
    "ConfigMap": (NAME, Column("Data", _data_count, type="integer"), AGE),
    "Secret": (NAME, Column("Type", _text("type", default="Opaque")), Column("Data", _data_count, type="integer"), AGE),
    "ServiceAccount": (NAME, Column("Secrets", _list_count("secrets"), type="integer"), AGE),
    "Event": (
        Column("Last Seen", _event_last_seen),
        Column("Type", _text("type", default="")),
        Column("Reason", _text("reason", default="")),
        Column("Object", _event_object),
        Column("Subobject", _text("involvedObject", "fieldPath", default=""), wide=True),
        Column("Source", _event_source, wide=True),
        Column("Message", lambda obj, _now: str(obj.get("message", "")).strip()),
        Column("First Seen", _event_first_seen, wide=True),
        Column("Count", lambda obj, _now: obj.get("count") or 1, wide=True, type="integer"),
        Column("Name", NAME.cell, wide=True),
    ),
    "Node": (
        NAME,
        Column("Status", _node_status),
        Column("Roles", _node_roles),
        AGE,
        Column("Version", _text("status", "nodeInfo", "kubeletVersion", default="")),
        Column("Internal-IP", _node_address("InternalIP"), wide=True),
        Column("External-IP", _node_address("ExternalIP"), wide=True),
        Column("OS-Image", _text("status", "nodeInfo", "osImage", default="<unknown>"), wide=True),
        Column("Kernel-Version", _text("status", "nodeInfo", "kernelVersion", default="<unknown>"), wide=True),
        Column(
            "Container-Runtime", _text("status", "nodeInfo", "containerRuntimeVersion", default="<unknown>"), wide=True
        ),
    ),
    "Lease": (NAME, Column("Holder", _text("spec", "holderIdentity", default="")), AGE),
    "CustomResourceDefinition": (NAME, Column("Created At", _text("metadata", "creationTimestamp"))),
    "MutatingWebhookConfiguration": (NAME, Column("Webhooks", _list_count("webhooks"), type="integer"), AGE),
    "ValidatingWebhookConfiguration": (NAME, Column("Webhooks", _list_count("webhooks"), type="integer"), AGE),
}


def columns(info: KindInfo) -> tuple[Column, ...]:
    """The columns of any served kind."""
    return custom_columns(info) if info.custom else COLUMNS.get(info.kind, (NAME, AGE))
