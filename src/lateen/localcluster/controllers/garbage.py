"""The garbage collector: what belongs to something that is gone goes too.

In: an object and who owns it. Out: its deletion, or a change of its owner references or finalizers.
Rules: an object with at least one living owner stays; `Foreground` keeps the owner until its dependents (those that
block it) are gone; `Orphan` cuts the dependents loose first. Owners are told apart by uid, never by name.
https://kubernetes.io/docs/concepts/architecture/garbage-collection/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lateen.localcluster.controllers.model import (
    Action,
    Change,
    Controller,
    Delete,
    Key,
    Moment,
    Object,
    Outcome,
    Snapshot,
    Update,
    uid_of,
)

__all__ = ["GARBAGE"]

_FOREGROUND = "foregroundDeletion"
_ORPHAN = "orphan"


def wakes(view: Snapshot, change: Change) -> Iterator[Key]:
    """An object that is gone wakes its dependents, and owners that wait for it; new references and policies its own."""
    meta = change.any["metadata"]
    if change.obj is None:
        yield from view.dependents(uid_of(change.any))
        for reference in meta.get("ownerReferences") or ():
            owner = view.find(str(reference.get("uid")))
            if owner is not None:
                yield owner
        return
    changed = change.old is None or _concerns(change.old) != _concerns(change.obj)
    if changed and (meta.get("ownerReferences") or _policies(change.obj)):
        yield change.kind, meta.get("namespace", ""), meta["name"]
    if changed and _waits_for_dependents(change.obj):
        yield from view.dependents(uid_of(change.obj))


def _concerns(obj: Object) -> tuple[Any, ...]:
    meta = obj["metadata"]
    return meta.get("ownerReferences"), meta.get("finalizers"), meta.get("deletionTimestamp")


def reconcile(moment: Moment, key: Key) -> Outcome:
    obj = moment.view.get(*_triple(key))
    if obj is None:
        return Outcome()
    kind = key[0]
    if obj["metadata"].get("deletionTimestamp"):
        return Outcome(tuple(_finish(moment.view, kind, obj)))
    return Outcome(tuple(_collect(moment.view, kind, obj)))


def _triple(key: Key) -> tuple[str, str, str]:
    kind, namespace, name = key
    return kind, namespace, name


def _collect(view: Snapshot, kind: str, obj: Object) -> Iterator[Action]:
    """Deletes an object that all owners have left; cuts references to owners that are gone or wait for it."""
    references = obj["metadata"].get("ownerReferences") or ()
    if not references:
        return
    solid: list[Object] = []
    waiting: list[Object] = []
    for reference in references:
        owner = _owner(view, obj, reference)
        if owner is None:
            continue
        blocked = _waits_for_dependents(owner) and reference.get("blockOwnerDeletion")
        (waiting if blocked else solid).append(reference)
    if solid:
        if len(solid) < len(references):
            yield Update(kind, _with_references(obj, solid))
        return
    policy = "Foreground" if waiting and view.dependents(uid_of(obj)) else "Background"
    meta = obj["metadata"]
    yield Delete(kind, meta.get("namespace", ""), meta["name"], uid_of(obj), policy)


def _owner(view: Snapshot, obj: Object, reference: Mapping[str, Any]) -> Object | None:
    """The living owner: the same uid, in the same namespace or cluster-scoped."""
    where = view.find(str(reference.get("uid")))
    if where is None or where[1] not in ("", obj["metadata"].get("namespace", "")):
        return None
    return view.get(*where)


def _finish(view: Snapshot, kind: str, obj: Object) -> Iterator[Action]:
    """What a deletion policy still demands before the object itself may go."""
    policies = _policies(obj)
    dependents = [(where, view.get(*where)) for where in view.dependents(uid_of(obj))]
    if _ORPHAN in policies:
        for where, dependent in dependents:
            if dependent is not None:
                references = dependent["metadata"].get("ownerReferences") or ()
                left = [reference for reference in references if reference.get("uid") != uid_of(obj)]
                yield Update(where[0], _with_references(dependent, left))
        yield Update(kind, _without_finalizer(obj, _ORPHAN))
        return
    blocked = any(dependent is not None and _blocks(dependent, obj) for _, dependent in dependents)
    if _FOREGROUND in policies and not blocked:
        yield Update(kind, _without_finalizer(obj, _FOREGROUND))


def _blocks(dependent: Object, owner: Object) -> bool:
    references = dependent["metadata"].get("ownerReferences") or ()
    return any(item.get("uid") == uid_of(owner) and item.get("blockOwnerDeletion") for item in references)


def _policies(obj: Object) -> frozenset[str]:
    meta = obj["metadata"]
    if not meta.get("deletionTimestamp"):
        return frozenset()
    return frozenset(meta.get("finalizers") or ()) & {_FOREGROUND, _ORPHAN}


def _waits_for_dependents(obj: Object) -> bool:
    return _FOREGROUND in _policies(obj)


def _with_references(obj: Object, references: list[Any]) -> Object:
    meta = {key: value for key, value in obj["metadata"].items() if key != "ownerReferences"}
    return {**obj, "metadata": {**meta, "ownerReferences": references} if references else meta}


def _without_finalizer(obj: Object, finalizer: str) -> Object:
    left = [item for item in obj["metadata"].get("finalizers") or () if item != finalizer]
    meta = {key: value for key, value in obj["metadata"].items() if key != "finalizers"}
    return {**obj, "metadata": {**meta, "finalizers": left} if left else meta}


GARBAGE = Controller("generic-garbage-collector", None, wakes, reconcile)
