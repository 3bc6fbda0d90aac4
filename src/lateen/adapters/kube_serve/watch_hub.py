"""Fan-out of committed changes to open watches.

In: events from the store. Out: for each watch a queue of the events that concern it. The rules: a change costs only
the watches of its kind; a watch that does not read is dropped rather than buffered without end (its client comes back
with the revision that it has seen).
"""

from __future__ import annotations

import asyncio
from collections import deque

from lateen.localcluster.registry import CRD_RESOURCE
from lateen.localcluster.store import Store
from lateen.localcluster.watchlog import Event, Scope

MAX_PENDING = 4096


class Watcher:
    """One watch: pending (type, event) pairs and a flag that wakes its reader."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.closed = False
        self._pending: deque[tuple[str, Event]] = deque()
        self._wake = asyncio.Event()

    def offer(self, event: Event) -> None:
        seen_as = self.scope.translate(event)
        if seen_as is None:
            return
        self._pending.append((seen_as, event))
        if len(self._pending) > MAX_PENDING:
            self.close()
        self._wake.set()

    def close(self) -> None:
        self.closed = True
        self._wake.set()

    async def take(self, timeout: float) -> list[tuple[str, Event]]:
        """What has happened since the last call; empty after `timeout` seconds without news."""
        try:
            async with asyncio.timeout(timeout):
                await self._wake.wait()
        except TimeoutError:
            return []
        self._wake.clear()
        taken = list(self._pending)
        self._pending.clear()
        return taken


class WatchHub:
    """All open watches of one store, by resource."""

    def __init__(self, store: Store) -> None:
        self._watchers: dict[str, set[Watcher]] = {}
        store.subscribe(self._offer)

    def _offer(self, event: Event) -> None:
        for watcher in tuple(self._watchers.get(event.resource, ())):
            watcher.offer(event)
        if event.resource == CRD_RESOURCE and event.type == "DELETED":
            self.close_resource(event.name)  # a definition is named like the resource that it defines

    def open(self, scope: Scope) -> Watcher:
        watcher = Watcher(scope)
        self._watchers.setdefault(scope.resource, set()).add(watcher)
        return watcher

    def drop(self, watcher: Watcher) -> None:
        self._watchers.get(watcher.scope.resource, set()).discard(watcher)

    def close_resource(self, resource: str) -> None:
        """End the watches of a kind that is no longer served."""
        for watcher in self._watchers.pop(resource, set()):
            watcher.close()

    def close(self) -> None:
        """End every watch: the server stops."""
        for resource in tuple(self._watchers):
            self.close_resource(resource)
