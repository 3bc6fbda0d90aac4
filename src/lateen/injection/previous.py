"""What an earlier injection, or the user himself, put into a pod under our names.

In: a pod. Out: the pod as it was before, and containers to put over ours. The rules: injecting twice gives what
injecting once gives; a container that a user writes under the proxy's name changes the injected one instead of being
lost.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lateen.injection import names
from lateen.injection.annotations import InjectionError
from lateen.injection.merge import merge_pod
from lateen.injection.scraping import without_merged_metrics

JsonObject = Mapping[str, Any]

_LISTS = ("containers", "initContainers")
# The order in which Kubernetes writes a container.
_FIELDS = (
    *("name", "image", "command", "args", "workingDir", "ports", "envFrom", "env", "resources", "restartPolicy"),
    *("volumeMounts", "volumeDevices", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle"),
    *("imagePullPolicy", "securityContext"),
)


def previous_status(metadata: JsonObject) -> dict[str, list[str]] | None:
    """The names that an earlier injection added, by list; None if there was none (or what it left cannot be read)."""
    written = (metadata.get("annotations") or {}).get(names.STATUS)
    parsed = _object(written)
    if parsed is None:
        return None
    return {field: [str(name) for name in parsed.get(field) or ()] for field in _LISTS}


def stripped(pod: JsonObject, agent_port: int) -> dict[str, Any]:
    """The pod without what an earlier injection added, with the user's own containers of those names back in place."""
    metadata, spec = dict(pod.get("metadata") or {}), dict(pod.get("spec") or {})
    before = previous_status(metadata)
    if before is not None:
        for field in _LISTS:
            if field in spec:
                spec[field] = [c for c in spec[field] or () if c.get("name") not in before[field]]
        annotations = without_merged_metrics(metadata.get("annotations") or {}, agent_port)
        annotations.pop(names.STATUS, None)
        metadata["annotations"] = annotations
    for field, containers in overrides(metadata).items():
        present = {container.get("name") for container in spec.get(field) or ()}
        spec[field] = [*(spec.get(field) or ()), *(c for c in containers if c.get("name") not in present)]
    return {**pod, "metadata": metadata, "spec": spec}


def overrides(metadata: JsonObject) -> dict[str, list[dict[str, Any]]]:
    """The user's containers that the first injection kept. Raises `InjectionError` if they cannot be read."""
    written = (metadata.get("annotations") or {}).get(names.OVERRIDES)
    if not written:
        return {}
    parsed = _object(written)
    if parsed is None or not all(isinstance(parsed.get(field) or [], list) for field in _LISTS):
        raise InjectionError(f"annotation {names.OVERRIDES!r} is not the JSON that injection wrote")
    return {field: list(parsed.get(field) or ()) for field in _LISTS}


def users_proxy(pod: JsonObject) -> JsonObject | None:
    """The proxy container as the user wrote it, or None if he wrote none."""
    metadata, spec = pod.get("metadata") or {}, pod.get("spec") or {}
    kept = overrides(metadata)
    for field in _LISTS:
        if (own := _named(kept.get(field), names.PROXY)) is not None:
            return own
    if previous_status(metadata) is not None:
        return None
    return _named(spec.get("containers"), names.PROXY) or _named(spec.get("initContainers"), names.PROXY)


def reapplied(merged: JsonObject, original: JsonObject, template: JsonObject) -> dict[str, Any]:
    """`merged` with the user's own containers of injected names over the injected ones."""
    metadata = original.get("metadata") or {}
    before = previous_status(metadata)
    kept = overrides(metadata)
    found: dict[str, list[dict[str, Any]]] = {}
    result = dict(merged)
    for field in _LISTS:
        for container in (template.get("spec") or {}).get(field) or ():
            name = container["name"]
            own = _named(kept.get(field), name)
            if own is None and not (before is not None and name in before[field]):
                own = _own(original, field, name)
            if own is None:
                continue
            overlay = {key: value for key, value in own.items() if (key, value) != ("image", names.AUTO_IMAGE)}
            found.setdefault(field, []).append(overlay)
            result = merge_pod(result, {"spec": {field: [overlay]}})
    if found and before is None:
        written = {field: [_in_order(container) for container in found[field]] for field in _LISTS if field in found}
        text = json.dumps(written, separators=(",", ":"))
        result = merge_pod(result, {"metadata": {"annotations": {names.OVERRIDES: text}}})
    return result


def _in_order(container: JsonObject) -> dict[str, Any]:
    """The container as Istio writes it into the annotation: either control plane reads what the other wrote."""
    complete = {"resources": {}, **container}
    known = {field: complete[field] for field in _FIELDS if field in complete}
    return known | {field: value for field, value in complete.items() if field not in known}


def _own(original: JsonObject, field: str, name: str) -> JsonObject | None:
    """The user's container of that name; one that became a native sidecar may stand among the others."""
    spec = original.get("spec") or {}
    fields = ("initContainers", "containers") if field == "initContainers" else (field,)
    return next((found for where in fields if (found := _named(spec.get(where), name))), None)


def _named(containers: Any, name: str) -> JsonObject | None:
    return next((container for container in containers or () if container.get("name") == name), None)


def _object(written: str | None) -> dict[str, Any] | None:
    try:
        parsed = json.loads(written or "null")
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None
