"""Values of the built-in kinds: which rules apply to which kind.

In: a complete object (and the stored one, for an update). Out: field errors in Kubernetes' words. Each family of
kinds has its own file; this one is the table, and the small kinds.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any

from lateen.localcluster import validation_definition, validation_pod, validation_service, validation_workload
from lateen.localcluster.errors import FieldError
from lateen.localcluster.registry import KindInfo
from lateen.localcluster.validation_meta import bad_value, quoted, required

JSON = dict[str, Any]
MAX_DATA = 1024 * 1024
DATA_KEY = re.compile(r"[-._a-zA-Z0-9]+")
KEY_MESSAGE = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or "
    "'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)


def errors(obj: JSON, info: KindInfo, old: JSON | None) -> list[FieldError]:
    """Errors in an object's values; `old` is what is stored, when this is an update."""
    rule = RULES.get(info.kind)
    found = rule(obj) if rule else []
    if old is not None:
        change = CHANGES.get(info.kind)
        found += change(obj, old) if change else []
    return found


def _config_map(obj: JSON) -> list[FieldError]:
    data, binary = obj.get("data") or {}, obj.get("binaryData") or {}
    found = _keys(data, "data") + _keys(binary, "binaryData") + _base64(binary, "binaryData")
    found += [bad_value(f"binaryData[{key}]", key, "duplicate of key present in data") for key in binary if key in data]
    size = sum(len(value.encode()) for value in data.values()) + sum(len(value) * 3 // 4 for value in binary.values())
    return found + _size(size)


def _secret(obj: JSON) -> list[FieldError]:
    data = obj.get("data") or {}
    found = _keys(data, "data") + _base64(data, "data") + _size(sum(len(value) * 3 // 4 for value in data.values()))
    for key in SECRET_KEYS.get(obj.get("type", ""), ()):
        if key not in data:
            found.append(required(f"data[{key}]"))
    return found


SECRET_KEYS = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
}


def _keys(data: JSON, path: str) -> list[FieldError]:
    return [
        bad_value(f"{path}[{key[:80]}]", key, KEY_MESSAGE)
        for key in data
        if len(key) > 253 or not DATA_KEY.fullmatch(key) or key in (".", "..") or key.startswith("../")
    ]


def _base64(data: JSON, path: str) -> list[FieldError]:
    found = []
    for key, value in data.items():
        try:
            base64.b64decode(value.replace("\n", ""), validate=True)
        except (binascii.Error, ValueError):
            found.append(bad_value(f"{path}[{key}]", value[:40], "illegal base64 data"))
    return found


def _size(size: int) -> list[FieldError]:
    if size <= MAX_DATA:
        return []
    return [FieldError("", f"Too long: may not be more than {MAX_DATA} bytes", "FieldValueTooLong")]


def _immutable_data(obj: JSON, old: JSON) -> list[FieldError]:
    if not old.get("immutable"):
        return []
    found = []
    for key in ("data", "binaryData", "immutable"):
        if obj.get(key) != old.get(key):
            message = "Forbidden: field is immutable when `immutable` is set"
            found.append(FieldError(key, message, "FieldValueForbidden"))
    return found


def _secret_change(obj: JSON, old: JSON) -> list[FieldError]:
    found = _immutable_data(obj, old)
    if obj.get("type") != old.get("type"):
        found.append(bad_value("type", obj.get("type"), "field is immutable"))
    return found


def _event(obj: JSON) -> list[FieldError]:
    about, namespace = obj.get("involvedObject") or {}, obj["metadata"].get("namespace", "")
    where = about.get("namespace") or "default"
    if where != namespace and not (not about.get("namespace") and namespace in ("default", "kube-system")):
        return [bad_value("involvedObject.namespace", about.get("namespace", ""), "does not match event.namespace")]
    return []


def _lease(obj: JSON) -> list[FieldError]:
    seconds = (obj.get("spec") or {}).get("leaseDurationSeconds")
    return [] if seconds is None or seconds > 0 else [
        bad_value("spec.leaseDurationSeconds", seconds, "must be greater than 0")
    ]  # fmt: skip


def _endpoint_slice(obj: JSON) -> list[FieldError]:
    kinds = ("IPv4", "IPv6", "FQDN")
    if not obj.get("addressType"):
        return [required("addressType")]
    if obj["addressType"] not in kinds:
        listed = ", ".join(f'"{kind}"' for kind in kinds)
        message = f"Unsupported value: {quoted(obj['addressType'])}: supported values: {listed}"
        return [FieldError("addressType", message, "FieldValueNotSupported")]
    return []


RULES: dict[str, Callable[[JSON], list[FieldError]]] = {
    "ConfigMap": _config_map,
    "Secret": _secret,
    "Event": _event,
    "Lease": _lease,
    "EndpointSlice": _endpoint_slice,
    "Pod": validation_pod.pod,
    "Service": validation_service.service,
    "Deployment": validation_workload.workload,
    "ReplicaSet": validation_workload.workload,
    "CustomResourceDefinition": validation_definition.definition,
    "MutatingWebhookConfiguration": validation_workload.webhooks,
    "ValidatingWebhookConfiguration": validation_workload.webhooks,
}
CHANGES: dict[str, Callable[[JSON, JSON], list[FieldError]]] = {
    "ConfigMap": _immutable_data,
    "Secret": _secret_change,
    "Pod": validation_pod.change,
    "Service": validation_service.change,
    "Deployment": validation_workload.change,
    "ReplicaSet": validation_workload.change,
    "CustomResourceDefinition": validation_definition.change,
}
