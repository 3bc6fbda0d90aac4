"""The vocabulary of controllers: what they see, what they answer, and how they are woken.

In: a `Moment` (state, time, how the last attempt failed) and a key. Out: an `Outcome`: actions, and when to look again.
Rules: a controller never changes an object that it was given; it decides from the whole state, never from an event, so
that a lost or repeated wake-up does no harm; equal state gives no actions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

__all__ = [
    "Action",
    "Bind",
    "Change",
    "Controller",
    "Create",
    "Delete",
    "Key",
    "Moment",
    "Object",
    "Outcome",
    "Report",
    "Snapshot",
    "Update",
    "controller_of",
    "owner_reference",
    "rfc3339",
    "seconds_of",
    "uid_of",
]

Object = dict[str, Any]
Key = tuple[str, ...]  # (namespace, name); the garbage collector also has the kind in front
NOTHING: Mapping[str, Any] = {}


class Snapshot(Protocol):
    """Reads of the cluster's state. Kinds are `Pod`, or `Kind.group` for custom ones; namespace "" = cluster-scoped."""

    def get(self, kind: str, namespace: str, name: str) -> Object | None: ...

    def list(self, kind: str, namespace: str | None = None) -> Sequence[Object]: ...

    def dependents(self, uid: str) -> Sequence[tuple[str, str, str]]:
        """(kind, namespace, name) of the objects whose owner references name this uid."""
        ...

    def find(self, uid: str) -> tuple[str, str, str] | None:
        """(kind, namespace, name) of the living object with this uid."""
        ...

    def namespaced_kinds(self) -> Sequence[str]:
        """Every kind that is served and lives in namespaces."""
        ...


@dataclass(frozen=True, slots=True)
class Report:
    """An Event about `on`; "{name}" and "{error}" in `text` are filled in from what the action did."""

    on: Object
    reason: str
    text: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Create:
    kind: str
    obj: Object
    success: Report | None = None
    failure: Report | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """PUT of the object, whose resourceVersion guards against lost updates; `subresource` is status or finalize."""

    kind: str
    obj: Object
    subresource: str = ""


@dataclass(frozen=True, slots=True)
class Delete:
    """`uid` guards against deleting a new object of the same name; `policy` is the propagation policy."""

    kind: str
    namespace: str
    name: str
    uid: str
    policy: str = ""
    grace: int | None = None
    success: Report | None = None


@dataclass(frozen=True, slots=True)
class Bind:
    """Put the pod on a node."""

    namespace: str
    name: str
    node: str


Action = Create | Update | Delete | Bind | Report


@dataclass(frozen=True, slots=True)
class Outcome:
    """What to do now, in order, and in how many seconds to look again even if nothing happens (None = never)."""

    actions: tuple[Action, ...] = ()
    again_in: float | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """The state, the time (seconds since 1970), and what the last attempt at this key was refused with, if it was."""

    view: Snapshot
    now: float
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to one object: `obj` is None once it is gone, `old` before it existed."""

    kind: str
    obj: Object | None
    old: Object | None

    @property
    def any(self) -> Object:
        """The newest state that is known."""
        found = self.obj if self.obj is not None else self.old
        return found if found is not None else {}

    @property
    def states(self) -> tuple[Object, ...]:
        return tuple(state for state in (self.obj, self.old) if state is not None)


@dataclass(frozen=True, slots=True)
class Controller:
    """A name (the service account in kube-system), which keys a change wakes, and what to do for a key."""

    name: str
    kinds: frozenset[str] | None  # None = every kind
    wakes: Callable[[Snapshot, Change], Iterable[Key]]
    reconcile: Callable[[Moment, Key], Outcome]
    parallel: int = field(default=4)


def controller_of(obj: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The owner reference with `controller: true`."""
    references = obj["metadata"].get("ownerReferences") or ()
    return next((reference for reference in references if reference.get("controller")), None)


def owner_reference(api_version: str, kind: str, owner: Mapping[str, Any]) -> Object:
    """The reference that makes `owner` the controller of a new object."""
    meta = owner["metadata"]
    return {
        "apiVersion": api_version,
        "kind": kind,
        "name": meta["name"],
        "uid": meta["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def uid_of(obj: Mapping[str, Any]) -> str:
    return str(obj["metadata"].get("uid") or "")


def rfc3339(seconds: float) -> str:
    """Kubernetes' timestamps have whole seconds."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds_of(timestamp: object) -> float | None:
    """Seconds since 1970 of a timestamp (also with fractions), None if there is none or it cannot be read."""
    if not isinstance(timestamp, str) or not timestamp:
        return None
    try:
        return datetime.fromisoformat(timestamp).timestamp()
    except ValueError:
        return None
