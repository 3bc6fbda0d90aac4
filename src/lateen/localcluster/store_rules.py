"""What the API server does to an object's metadata when it is created, changed or deleted.

In: the old and new object (plain JSON, never mutated), the kind and a `Stamp` with time and entropy. Out: the object
to store. The rules are Kubernetes': server-owned fields cannot be set by clients, `status` changes only through its
own path, the generation counts changes of the desired state, finalizers hold a deletion back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from lateen.localcluster.client_values import object_of
from lateen.localcluster.errors import FieldError, bad_request, conflict, invalid
from lateen.localcluster.registry import KindInfo
from lateen.localcluster.tables_age import seconds_of

JSON = dict[str, Any]
OWNED = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "selfLink")
EMPTY_MAPS = ("labels", "annotations", "finalizers", "ownerReferences")
INITIAL_STATUS: dict[str, JSON] = {
    "Pod": {"phase": "Pending"},
    "Service": {"loadBalancer": {}},
    "ReplicaSet": {"replicas": 0},
    "Namespace": {"phase": "Active"},
}
FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"
DEFAULT_GRACE = 30
EVENT_SECONDS = 3600


class Stamp(NamedTuple):
    """Time (RFC 3339, seconds) and entropy for one request; `later(seconds)` gives a time after it."""

    now: str
    uid: str
    suffix: str
    later: Callable[[int], str]


class Doomed(NamedTuple):
    """The outcome of a deletion: remove the object now, or store it marked as being deleted."""

    obj: JSON
    remove: bool


def created(obj: JSON, info: KindInfo, namespace: str, stamp: Stamp) -> JSON:
    """The object as it is stored first. Raises `ApiError` for names and namespaces that contradict the path."""
    given = obj.get("metadata") or {}
    if given.get("resourceVersion"):
        raise bad_request("resourceVersion should not be set on objects to be created")
    meta = {key: value for key, value in given.items() if key not in OWNED and value is not None}
    meta = _cleaned(meta)
    meta["name"] = given.get("name") or _generated(given.get("generateName"), info, stamp)
    if info.namespaced:
        meta["namespace"] = namespace
    else:
        meta.pop("namespace", None)
    meta["uid"] = stamp.uid
    meta["creationTimestamp"] = stamp.now
    if info.counted:
        meta["generation"] = 1
    result = {**obj, "apiVersion": info.storage_api_version, "kind": info.kind, "metadata": meta}
    if info.status_separate and info.kind != "Node":
        result.pop("status", None)
        initial = {} if info.custom else initial_status(result, stamp)
        if initial:
            result["status"] = initial
    return result


def initial_status(obj: JSON, stamp: Stamp) -> JSON:
    """The status that a built-in kind's object begins with."""
    if obj["kind"] == "CustomResourceDefinition":
        return _definition_status(obj, stamp)
    return dict(INITIAL_STATUS.get(obj["kind"], {}))


def _definition_status(obj: JSON, stamp: Stamp) -> JSON:
    """Definitions are served from the moment they are stored, so they are established at once."""
    spec = obj.get("spec") or {}  # what is missing is refused later, with the other values
    conditions = [
        {"type": kind, "status": "True", "reason": reason, "message": text, "lastTransitionTime": stamp.now}
        for kind, reason, text in (
            ("NamesAccepted", "NoConflicts", "no conflicts found"),
            ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        )
    ]
    stored = [version.get("name") for version in spec.get("versions") or () if version.get("storage")]
    return {"conditions": conditions, "acceptedNames": spec.get("names") or {}, "storedVersions": stored}


def _generated(prefix: str | None, info: KindInfo, stamp: Stamp) -> str:
    if not prefix:
        error = FieldError("metadata.name", "Required value: name or generateName is required", "FieldValueRequired")
        raise invalid(info.group, info.kind, "", [error])
    return prefix[:58] + stamp.suffix


def _cleaned(meta: JSON) -> JSON:
    """Without managedFields (not kept here) and without maps and lists that are empty."""
    return {
        key: value for key, value in meta.items() if key != "managedFields" and not (key in EMPTY_MAPS and not value)
    }


def updated(old: JSON, new: JSON, info: KindInfo, subresource: str = "") -> JSON:
    """The object after an update of the main resource or of one subresource. Equal to `old` if nothing changed."""
    _check_same(old, new, info)
    if subresource == "status":
        return _with_status(old, new)
    if subresource == "finalize":
        return {**old, "spec": {**(old.get("spec") or {}), **(new.get("spec") or {})}}
    meta = {key: value for key, value in (new.get("metadata") or {}).items() if key not in OWNED and value is not None}
    meta = _cleaned(meta)
    for key in (*OWNED, "resourceVersion", "name", "namespace", "generateName"):
        if key in old["metadata"]:
            meta[key] = old["metadata"][key]
    result = {**new, "apiVersion": old["apiVersion"], "kind": old["kind"], "metadata": meta}
    if info.status_separate:
        result.pop("status", None)
        if "status" in old:
            result["status"] = old["status"]
    if info.kind == "Namespace" and "finalizers" in (old.get("spec") or {}):
        result["spec"] = {**(result.get("spec") or {}), "finalizers": old["spec"]["finalizers"]}
    if info.counted and _desired(result) != _desired(old):
        meta["generation"] = int(old["metadata"].get("generation") or 0) + 1
    _check_finalizers(old, result, info)
    return result


def _with_status(old: JSON, new: JSON) -> JSON:
    result = {**old}
    result.pop("status", None)
    if new.get("status") is not None:
        result["status"] = new["status"]
    return result


def _desired(obj: JSON) -> JSON:
    return {key: value for key, value in obj.items() if key not in ("metadata", "status", "apiVersion")}


def _check_same(old: JSON, new: JSON, info: KindInfo) -> None:
    """The client means the object that it read: uid and resourceVersion, where given, are the current ones."""
    meta = new.get("metadata") or {}
    name = old["metadata"]["name"]
    if meta.get("uid") and meta["uid"] != old["metadata"]["uid"]:
        why = f"Precondition failed: UID in precondition: {meta['uid']}, UID in object meta: {old['metadata']['uid']}"
        raise conflict(info.group, info.plural, name, why)
    version = meta.get("resourceVersion")
    if version and version != old["metadata"]["resourceVersion"]:
        raise conflict(info.group, info.plural, name)


def _check_finalizers(old: JSON, new: JSON, info: KindInfo) -> None:
    if not old["metadata"].get("deletionTimestamp"):
        return
    before = set(old["metadata"].get("finalizers") or ())
    added = sorted(set(new["metadata"].get("finalizers") or ()) - before)
    if added:
        message = (
            f"Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers {added}"
        )
        raise invalid(
            info.group, info.kind, old["metadata"]["name"],
            [FieldError("metadata.finalizers", message, "FieldValueForbidden")],
        )  # fmt: skip


def finished(obj: JSON, info: KindInfo) -> bool:
    """Whether an object that is being deleted has nothing left to wait for."""
    meta = obj["metadata"]
    if not meta.get("deletionTimestamp") or meta.get("finalizers"):
        return False
    if info.kind == "Namespace" and not info.group:
        return not (obj.get("spec") or {}).get("finalizers")
    return not meta.get("deletionGracePeriodSeconds")


def expired_events(events: Iterable[JSON], now: float) -> list[JSON]:
    """Event objects whose last occurrence is more than an hour ago (Kubernetes' default); `now` in Unix seconds."""
    found = []
    for event in events:
        last = event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp")
        seconds = seconds_of(last)
        if seconds is not None and now - seconds > EVENT_SECONDS:
            found.append(event)
    return found


def deleted(obj: JSON, info: KindInfo, options: JSON, stamp: Stamp) -> Doomed:
    """The outcome of a DELETE with these DeleteOptions. Raises `ApiError` 409 when a precondition does not hold."""
    _check_preconditions(obj, info, options)
    meta = dict(obj["metadata"])
    finalizers = _propagated(list(meta.get("finalizers") or ()), options)
    meta.pop("finalizers", None)
    if finalizers:
        meta["finalizers"] = finalizers
    grace = _grace(obj, info, options)
    if not meta.get("deletionTimestamp"):
        meta["deletionTimestamp"] = stamp.later(grace) if grace else stamp.now
        meta["deletionGracePeriodSeconds"] = grace
        if info.counted:
            meta["generation"] = int(meta.get("generation") or 0) + 1
    elif grace < int(meta.get("deletionGracePeriodSeconds") or 0):
        meta["deletionGracePeriodSeconds"] = grace
        meta["deletionTimestamp"] = stamp.later(grace) if grace else stamp.now
    result = {**obj, "metadata": meta}
    if info.kind == "Namespace" and not info.group:
        result["status"] = {**(obj.get("status") or {}), "phase": "Terminating"}
    return Doomed(result, finished(result, info))


def _check_preconditions(obj: JSON, info: KindInfo, options: JSON) -> None:
    wanted = object_of(options, "preconditions", "DeleteOptions")
    meta = obj["metadata"]
    for field, key, label in (("uid", "uid", "UID"), ("resourceVersion", "resourceVersion", "ResourceVersion")):
        value = wanted.get(field)
        if value and value != meta[key]:
            why = f"Precondition failed: {label} in precondition: {value}, {label} in object meta: {meta[key]}"
            raise conflict(info.group, info.plural, meta["name"], why)


def _propagated(finalizers: list[str], options: JSON) -> list[str]:
    """Finalizers after the propagation policy: the garbage collector reads the policy from them."""
    policy = options.get("propagationPolicy")
    if policy is None and "orphanDependents" in options:
        policy = "Orphan" if options["orphanDependents"] else "Background"
    if policy not in (None, "Orphan", "Background", "Foreground"):
        raise bad_request(f'invalid propagationPolicy "{policy}": use Orphan, Background or Foreground')
    if policy is None:
        return finalizers
    kept = [item for item in finalizers if item not in (FOREGROUND, ORPHAN)]
    return kept + {"Orphan": [ORPHAN], "Foreground": [FOREGROUND]}.get(policy, [])


def _grace(obj: JSON, info: KindInfo, options: JSON) -> int:
    """Seconds that the object has left: only pods that run somewhere get any."""
    if info.kind != "Pod" or info.group:
        return 0
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    if not spec.get("nodeName") or status.get("phase") in ("Succeeded", "Failed"):
        return 0
    wanted = options.get("gracePeriodSeconds")
    if wanted is None:
        wanted = spec.get("terminationGracePeriodSeconds", DEFAULT_GRACE)
    if not isinstance(wanted, int) or wanted < 0:
        raise bad_request("gracePeriodSeconds must be a number of seconds, zero or more")
    return wanted
