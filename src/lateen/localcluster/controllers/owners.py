"""Who belongs to whom: the index behind garbage collection.

In: every object that comes, changes or goes. Out: where a uid lives, and which objects name it as their owner.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["Owners", "Where"]

Where = tuple[str, str, str]  # (kind, namespace, name)


class Owners:
    """Kept up to date by `changed`; reads never scan."""

    def __init__(self) -> None:
        self._places: dict[str, Where] = {}
        self._dependents: dict[str, dict[Where, None]] = {}

    def changed(self, kind: str, obj: Mapping[str, Any] | None, old: Mapping[str, Any] | None) -> None:
        """`obj` is None once it is gone, `old` before it existed."""
        if old is not None:
            where = _where(kind, old)
            if self._places.get(_uid(old)) == where and (obj is None or _uid(obj) != _uid(old)):
                del self._places[_uid(old)]
            for owner in _owners(old):
                self._forget(owner, where)
        if obj is not None:
            where = _where(kind, obj)
            self._places[_uid(obj)] = where
            for owner in _owners(obj):
                self._dependents.setdefault(owner, {})[where] = None

    def find(self, uid: str) -> Where | None:
        """Where the living object with this uid is."""
        return self._places.get(uid)

    def dependents(self, uid: str) -> tuple[Where, ...]:
        """The objects that name this uid as an owner."""
        return tuple(self._dependents.get(uid, ()))

    def _forget(self, owner: str, where: Where) -> None:
        found = self._dependents.get(owner)
        if found is not None:
            found.pop(where, None)
            if not found:
                del self._dependents[owner]


def _where(kind: str, obj: Mapping[str, Any]) -> Where:
    meta = obj["metadata"]
    return kind, str(meta.get("namespace") or ""), str(meta["name"])


def _uid(obj: Mapping[str, Any]) -> str:
    return str(obj["metadata"].get("uid") or "")


def _owners(obj: Mapping[str, Any]) -> list[str]:
    return [str(reference.get("uid")) for reference in obj["metadata"].get("ownerReferences") or ()]
