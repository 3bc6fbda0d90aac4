"""The objects that a node agent follows, as one picture of the API server.

In: watches. Out: the newest object by kind, namespace and name, and a call per change. Rule: while the API server is
away the last picture stands; nothing is forgotten until a new list says that it is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from lateen.adapters.http.kube_session import KubeSession
from lateen.adapters.kube_watch import Added, Deleted, Modified, Synced, watch
from lateen.adapters.tasks import Tasks
from lateen.resources.kinds import Kind, kind_named

__all__ = ["Objects", "kind_row"]

JSON = dict[str, Any]
Changed = Callable[[str, JSON, bool], None]
FOLLOWED = ("ConfigMap", "Secret", "Service", "EndpointSlice")
_UNUSED = ("managedFields",)


def kind_row(name: str) -> Kind:
    """The row of a kind that the node agent itself relies on."""
    row = kind_named(name)
    if row is None:
        raise AssertionError(f"kind {name} is not in the table of kinds")
    return row


class Objects:
    """ConfigMaps, Secrets, Services and EndpointSlices. `changed(kind, object, gone)` is called for each change."""

    def __init__(self, changed: Changed) -> None:
        self._changed = changed
        self._by_kind: dict[str, dict[tuple[str, str], JSON]] = {kind: {} for kind in FOLLOWED}
        self._synced = {kind: asyncio.Event() for kind in FOLLOWED}

    def start(self, session: KubeSession, tasks: Tasks) -> None:
        for kind in FOLLOWED:
            tasks.start(self._follow(session, kind), f"watch {kind}", essential=True)

    async def synced(self) -> None:
        """Wait until every kind has been listed once."""
        for event in self._synced.values():
            await event.wait()

    def get(self, kind: str, namespace: str, name: str) -> JSON | None:
        return self._by_kind[kind].get((namespace, name))

    def all(self, kind: str) -> Iterable[JSON]:
        return self._by_kind[kind].values()

    def in_namespace(self, kind: str, namespace: str) -> list[JSON]:
        """Objects of a kind in a namespace, by name."""
        found = [obj for (space, _), obj in self._by_kind[kind].items() if space == namespace]
        return sorted(found, key=lambda obj: str(obj["metadata"]["name"]))

    async def _follow(self, session: KubeSession, kind: str) -> None:
        async for event in watch(session, kind_row(kind)):
            if isinstance(event, Synced):
                self._synced[kind].set()
            elif isinstance(event, (Added, Modified)):
                self._put(kind, event.object)
            elif isinstance(event, Deleted):
                self._drop(kind, event.object)

    def _put(self, kind: str, obj: JSON) -> None:
        meta = obj["metadata"]
        slim = {**obj, "metadata": {name: value for name, value in meta.items() if name not in _UNUSED}}
        self._by_kind[kind][meta.get("namespace", ""), meta["name"]] = slim
        self._changed(kind, slim, False)

    def _drop(self, kind: str, obj: JSON) -> None:
        meta = obj["metadata"]
        known = self._by_kind[kind].pop((meta.get("namespace", ""), meta["name"]), None)
        if known is not None:
            self._changed(kind, known, True)
