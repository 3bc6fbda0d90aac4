"""Values that Kubernetes fills in where a manifest says nothing.

In: an object without unknown fields. Out: the same with defaults. The rule: what is stored is complete, so that
readers (the mesh, the node agent, kubectl) need no defaults of their own, and a second apply of the same manifest
changes nothing.
"""

from __future__ import annotations

import base64
from typing import Any

from lateen.localcluster import defaults_pod, defaults_workload, validation_custom
from lateen.localcluster.registry import KindInfo

JSON = dict[str, Any]


def applied(obj: JSON, info: KindInfo) -> JSON:
    """The object with its kind's defaults."""
    if info.custom:
        filled: JSON = validation_custom.with_defaults(obj, info.schema or {})
        return filled
    function = FUNCTIONS.get(info.kind)
    return function(obj) if function else obj


def _secret(obj: JSON) -> JSON:
    """`stringData` becomes `data`; the type defaults to Opaque."""
    result = {"type": "Opaque", **obj}
    plain = result.pop("stringData", None)
    if plain:
        encoded = {key: base64.b64encode(str(value).encode()).decode() for key, value in plain.items()}
        result["data"] = {**(result.get("data") or {}), **encoded}
    return result


def _namespace(obj: JSON) -> JSON:
    """The finalizer that lets contents go first, and the label by which selectors find it."""
    meta = obj["metadata"]
    result = {**obj, "spec": {"finalizers": ["kubernetes"], **(obj.get("spec") or {})}}
    if meta.get("name"):
        labels = {**(meta.get("labels") or {}), "kubernetes.io/metadata.name": meta["name"]}
        result["metadata"] = {**meta, "labels": labels}
    return result


FUNCTIONS = {
    "Secret": _secret,
    "Namespace": _namespace,
    "Pod": defaults_pod.pod,
    "Service": defaults_workload.service,
    "Deployment": defaults_workload.deployment,
    "ReplicaSet": defaults_workload.replica_set,
    "EndpointSlice": defaults_workload.endpoint_slice,
    "Endpoints": defaults_workload.endpoints,
    "MutatingWebhookConfiguration": defaults_workload.webhooks,
    "ValidatingWebhookConfiguration": defaults_workload.webhooks,
    "CustomResourceDefinition": defaults_workload.definition,
}
