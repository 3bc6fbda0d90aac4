"""What controllers see: the API server's own memory, plus the index of owners.

In: the in-process API and its committed changes. Out: a `Snapshot` for controllers.
Rule: the index follows every commit at once, before anybody can act on it: a garbage collector that knows less than the
store would delete what it does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from lateen.localcluster.auth.identity import User
from lateen.localcluster.controllers.model import Change, Object
from lateen.localcluster.controllers.owners import Owners, Where

__all__ = ["ClusterState", "LocalApi"]

Observer = Callable[[str, str, Object, Object | None], None]


class KindFacts(Protocol):
    """What is needed of a served kind."""

    @property
    def kind(self) -> str: ...

    @property
    def qualified_kind(self) -> str: ...

    @property
    def custom(self) -> bool: ...

    @property
    def namespaced(self) -> bool: ...


class LocalApi(Protocol):
    """The API server, called in process: reads without copies, writes through admission."""

    def info(self, kind: str) -> Any: ...

    def kinds(self) -> tuple[str, ...]: ...

    def get(self, kind: str, namespace: str, name: str) -> Object | None: ...

    def list(self, kind: str, namespace: str | None = None) -> list[Object]: ...

    def subscribe(self, observer: Observer) -> Callable[[], None]: ...

    async def create(self, kind: str, obj: Object, user: User) -> Object: ...

    async def update(self, kind: str, obj: Object, user: User, subresource: str = "") -> Object: ...

    async def delete(
        self, kind: str, namespace: str, name: str, user: User, options: Object | None = None
    ) -> Object: ...

    async def bind(self, namespace: str, name: str, node: str, user: User) -> Object: ...


class ClusterState:
    """The controllers' `Snapshot`. `follow` starts it; `on_change` is called after each commit."""

    def __init__(self, api: LocalApi, on_change: Callable[[Change], None]) -> None:
        self._api = api
        self._on_change = on_change
        self._owners = Owners()

    def follow(self) -> Callable[[], None]:
        """Reports everything that exists, then every change; returns how to end it. Nothing is missed in between."""
        for kind in self._kinds():
            for obj in self._api.list(kind):
                self._owners.changed(kind, obj, None)
        for kind in self._kinds():
            for obj in self._api.list(kind):
                self._on_change(Change(kind, obj, None))
        return self._api.subscribe(self._committed)

    def _committed(self, event: str, kind: str, obj: Object, previous: Object | None) -> None:
        if event == "DELETED":
            change = Change(kind, None, previous if previous is not None else obj)
        else:
            change = Change(kind, obj, previous)
        self._owners.changed(kind, change.obj, change.old)
        self._on_change(change)

    def get(self, kind: str, namespace: str, name: str) -> Object | None:
        return self._api.get(kind, namespace, name)

    def list(self, kind: str, namespace: str | None = None) -> Sequence[Object]:
        return self._api.list(kind, namespace)

    def dependents(self, uid: str) -> Sequence[Where]:
        return self._owners.dependents(uid)

    def find(self, uid: str) -> Where | None:
        return self._owners.find(uid)

    def namespaced_kinds(self) -> Sequence[str]:
        return self._kinds(namespaced_only=True)

    def _kinds(self, *, namespaced_only: bool = False) -> tuple[str, ...]:
        """Names as changes carry them: `Deployment`, and `Kind.group` for custom kinds."""
        found = []
        for name in self._api.kinds():
            info: KindFacts = self._api.info(name)
            if info.namespaced or not namespaced_only:
                found.append(info.qualified_kind if info.custom else info.kind)
        return tuple(found)
