"""Subresources that are views of an object: scale and binding.

In: the stored object and the body of the subresource. Out: the view, or the object changed as the body says.
"""

from __future__ import annotations

from typing import Any

from lateen.localcluster.client_values import object_of
from lateen.localcluster.errors import FieldError, bad_request, conflict, invalid
from lateen.localcluster.registry import KindInfo

JSON = dict[str, Any]
SCALE = {"apiVersion": "autoscaling/v1", "kind": "Scale"}


def scale(obj: JSON) -> JSON:
    """The Scale of a Deployment or ReplicaSet (or of a custom object with the same fields)."""
    meta, spec, status = obj["metadata"], obj.get("spec") or {}, obj.get("status") or {}
    kept = {
        key: meta[key] for key in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp") if key in meta
    }
    return {
        **SCALE,
        "metadata": kept,
        "spec": {"replicas": spec.get("replicas", 0)},
        "status": {"replicas": status.get("replicas", 0), "selector": _selector_text(spec.get("selector") or {})},
    }


def _selector_text(selector: JSON) -> str:
    parts = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for item in selector.get("matchExpressions") or ():
        values = ",".join(item.get("values") or ())
        operator = item.get("operator", "")
        if operator in ("In", "NotIn"):
            parts.append(f"{item['key']} {operator.lower()} ({values})")
        else:
            parts.append(("!" if operator == "DoesNotExist" else "") + item["key"])
    return ",".join(parts)


def scaled(obj: JSON, body: JSON, info: KindInfo) -> JSON:
    """The object with the number of replicas that a Scale asks for. Raises `ApiError` 409 or 422."""
    name = obj["metadata"]["name"]
    version = object_of(body, "metadata", "Scale").get("resourceVersion")
    if version and version != obj["metadata"]["resourceVersion"]:
        raise conflict(info.group, info.plural, name)
    replicas = object_of(body, "spec", "Scale").get("replicas", 0)
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        raise bad_request("Scale: spec.replicas must be a number")
    if replicas < 0:
        why = FieldError("spec.replicas", f"Invalid value: {replicas}: must be greater than or equal to 0")
        raise invalid("autoscaling", "Scale", name, [why])
    return {**obj, "spec": {**(obj.get("spec") or {}), "replicas": replicas}}


def bound(pod: JSON, body: JSON, info: KindInfo, now: str) -> JSON:
    """The pod on the node that a Binding names. Raises `ApiError` 400 or 409."""
    target = object_of(body, "target", "Binding")
    if target.get("kind", "Node") != "Node" or not target.get("name") or not isinstance(target["name"], str):
        raise bad_request("Binding: target must name a Node")
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    if spec.get("nodeName"):
        why = f'pod {pod["metadata"]["name"]} is already assigned to node "{spec["nodeName"]}"'
        raise conflict(info.group, info.plural, pod["metadata"]["name"], why)
    scheduled = {"type": "PodScheduled", "status": "True", "lastProbeTime": None, "lastTransitionTime": now}
    kept = [item for item in status.get("conditions") or () if item.get("type") != "PodScheduled"]
    return {
        **pod,
        "spec": {**spec, "nodeName": target["name"]},
        "status": {**status, "conditions": [*kept, scheduled]},
    }
