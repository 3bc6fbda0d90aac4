"""Strategic merge of one pod over another, as far as pods need it.

In: two pods as JSON. Out: a third. The rule: Kubernetes' merge keys (containers, volumes and environment by name,
mounts by path, ports by number); what the overlay brings comes first in a list, as kubectl and the API server do it;
null removes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_KEYS: Mapping[str, str] = {
    "containers": "name",
    "initContainers": "name",
    "ephemeralContainers": "name",
    "volumes": "name",
    "env": "name",
    "imagePullSecrets": "name",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "ports": "containerPort",
    "hostAliases": "ip",
    "topologySpreadConstraints": "topologyKey",
}
# Fields whose entries exclude each other: naming one in the overlay drops the other (Kubernetes' retainKeys).
_RETAIN = frozenset({"volumes"})


def merge_pod(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """`overlay` over `base`; neither is changed."""
    merged: dict[str, Any] = dict(base)
    for name, value in overlay.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merged(name, base.get(name), value)
    return merged


def _merged(name: str, base: Any, overlay: Any) -> Any:
    if isinstance(overlay, Mapping):
        return merge_pod(base if isinstance(base, Mapping) else {}, overlay)
    if isinstance(overlay, list) and name in _KEYS:
        return _merged_list(name, base or [], overlay)
    return overlay


def _merged_list(name: str, base: Sequence[Any], overlay: Sequence[Any]) -> list[Any]:
    """The overlay's entries, each over the base's entry of the same key; the base's others in their places among
    them.
    """
    key = _KEYS[name]
    places = {entry.get(key): place for place, entry in enumerate(base)}
    mine = {entry.get(key) for entry in overlay}
    merged = [_entry(name, base, places.get(entry.get(key)), entry) for entry in overlay]
    start = 0
    for place, entry in enumerate(base):
        if entry.get(key) not in mine:
            start = _place(merged, key, places, place, start)
            merged.insert(start, entry)
            start += 1
    return merged


def _entry(name: str, base: Sequence[Any], place: int | None, overlay: Mapping[str, Any]) -> dict[str, Any]:
    return merge_pod({} if place is None or name in _RETAIN else base[place], overlay)


def _place(merged: Sequence[Any], key: str, places: Mapping[Any, int], mine: int, start: int) -> int:
    """Where the base's entry number `mine` goes: before the first entry that followed it in the base, else at the
    end.
    """
    for position in range(start, len(merged)):
        if places.get(merged[position].get(key), -1) > mine:
            return position
    return len(merged)
