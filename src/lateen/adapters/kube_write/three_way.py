"""What `kubectl apply` sends: the difference between the last manifest, this manifest and the live object.

In: three raw objects. Out: a merge patch, empty if nothing is to change.
Rules: what the manifest says wins over the live value; what the last manifest said and this one does not is removed;
everything else is left alone. In strategic patches, lists of objects are matched by their merge key, so that what
others have put into an item (defaults, a webhook's CA bundle) survives.
https://kubernetes.io/docs/tasks/manage-kubernetes-objects/declarative-config/#merge-patch-calculation
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["MERGE_KEYS", "merge_patch"]

Object = Mapping[str, Any]

# Field name of a list -> candidates for its merge key in Kubernetes' API; the first that every item has is the one.
MERGE_KEYS: dict[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "ephemeralContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "ports": ("containerPort", "port"),
    "imagePullSecrets": ("name",),
    "secrets": ("name",),
    "hostAliases": ("ip",),
    "topologySpreadConstraints": ("topologyKey",),
    "ownerReferences": ("uid",),
    "webhooks": ("name",),
    "conditions": ("type",),
}
# Lists of plain values that are sets in Kubernetes: items are added, and removed by a directive.
_SETS = frozenset({"finalizers"})


def merge_patch(original: Object, modified: Object, current: Object, strategic: bool) -> dict[str, Any]:
    """The patch that brings `current` to `modified`; `original` is the last applied manifest ({} if unknown)."""
    return _objects(original, modified, current, strategic)


def _objects(original: Object, modified: Object, current: Object, strategic: bool) -> dict[str, Any]:
    patch: dict[str, Any] = {}
    for field in original:
        if field not in modified and field in current:
            patch[field] = None
    for field, wanted in modified.items():
        if wanted is None:
            if field in current:
                patch[field] = None
        elif field not in current or current[field] is None:
            patch[field] = wanted
        else:
            _field(patch, field, (original.get(field), wanted, current[field]), strategic)
    return patch


def _field(patch: dict[str, Any], field: str, values: tuple[Any, Any, Any], strategic: bool) -> None:
    original, wanted, live = values
    if isinstance(wanted, Mapping) and isinstance(live, Mapping):
        before = original if isinstance(original, Mapping) else {}
        inner = _objects(before, wanted, live, strategic)
        if inner:
            patch[field] = inner
    elif strategic and field in _SETS and isinstance(wanted, list) and isinstance(live, list):
        _set(patch, field, (original, wanted, live))
    elif strategic and isinstance(wanted, list) and isinstance(live, list):
        before_list = original if isinstance(original, list) else []
        key = _merge_key(field, (*before_list, *wanted, *live))
        items = _items(before_list, wanted, live, key) if key else None
        if items:
            patch[field] = items
        elif not key and wanted != live:
            patch[field] = wanted
    elif wanted != live:
        patch[field] = wanted


def _set(patch: dict[str, Any], field: str, values: tuple[Any, list[Any], list[Any]]) -> None:
    original, wanted, live = values
    added = [item for item in wanted if item not in live]
    if added:
        patch[field] = added
    removed = [item for item in original or [] if item not in wanted and item in live]
    if removed:
        patch[f"$deleteFromPrimitiveList/{field}"] = removed


def _merge_key(field: str, items: Sequence[Any]) -> str:
    """The merge key, "" if the list is replaced as a whole."""
    for key in MERGE_KEYS.get(field, ()):
        if items and all(isinstance(item, Mapping) and key in item for item in items):
            return key
    return ""


def _items(original: list[Any], wanted: list[Any], live: list[Any], key: str) -> list[dict[str, Any]]:
    before = {item[key]: item for item in original}
    existing = {item[key]: item for item in live}
    patch: list[dict[str, Any]] = []
    for item in wanted:
        name = item[key]
        if name not in existing:
            patch.append(dict(item))
            continue
        inner = _objects(before.get(name, {}), item, existing[name], True)
        if inner:
            patch.append({key: name, **inner})
    kept = {item[key] for item in wanted}
    removed = [name for name in before if name not in kept and name in existing]
    return patch + [{"$patch": "delete", key: name} for name in removed]
