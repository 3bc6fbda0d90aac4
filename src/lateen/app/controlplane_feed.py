"""The control plane's inputs: one watch per kind, merged into batches for the engine.

In: watches of the Kubernetes API. Out: batches applied to the control plane, and streams woken.
Rule: a lone change is applied at once; changes are put together only while the process is busy with others, so there
is no hold-off to wait for and no burst that is worked through one by one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from lateen.adapters.clock import Clock
from lateen.adapters.http.kube_error import KubeError
from lateen.adapters.http.kube_session import KubeSession
from lateen.adapters.http.paths import path_of
from lateen.adapters.kube_watch import Added, Deleted, Modified, Synced, watch
from lateen.adapters.tasks import Tasks
from lateen.controlplane.feed import deleted, stored
from lateen.controlplane.plane import ControlPlane
from lateen.engine import Change
from lateen.resources.kinds import KINDS, Kind

log = logging.getLogger(__name__)

# Nothing in the mesh depends on these, and they change all the time.
NOT_WATCHED = frozenset({"Event", "Lease", "ReplicaSet"})
RETRY = 1.0
COMPLAIN = 10.0
"""Seconds."""


class Feed:
    """Watches everything that the mesh depends on."""

    def __init__(self, kube: KubeSession, plane: ControlPlane, wake: Callable[[], None], clock: Clock) -> None:
        self._kube = kube
        self._clock = clock
        self._plane = plane
        self._wake = wake
        self._queue: asyncio.Queue[tuple[Kind, Added | Modified | Deleted | Synced]] = asyncio.Queue()
        self._kinds = tuple(kind for kind in KINDS if kind.kind not in NOT_WATCHED)
        self._unsynced = {kind.kind for kind in self._kinds}

    async def load(self, tasks: Tasks) -> None:
        """Start all watches; returns when everything that exists is in the engine.

        It waits as long as that takes: serving half of the cluster would take the other half away from proxies that
        have it. Only kinds that the API server does not have at all are not waited for; they are watched all the same.
        """
        for kind in self._kinds:
            tasks.start(self._watch(kind), f"watch {kind.plural}", essential=True)
        served = await asyncio.gather(*(self._is_served(kind) for kind in self._kinds))
        self._unsynced -= {kind.kind for kind, found in zip(self._kinds, served, strict=True) if not found}
        complaint = tasks.start(self._complain(), "complain of a slow first load")
        while self._unsynced or not self._queue.empty():
            self._apply(await self._batch())
        complaint.cancel()

    async def _is_served(self, kind: Kind) -> bool:
        """Whether the API server has the kind; asks until there is an answer."""
        while True:
            try:
                await self._kube.request("GET", path_of(kind), params={"limit": "1"})
                return True
            except KubeError as error:
                if error.status == 404:
                    log.warning("the API server has no %s yet", kind.plural)
                    return False
                await self._clock.sleep(RETRY)

    async def _complain(self) -> None:
        while True:
            await self._clock.sleep(COMPLAIN)
            log.warning("not ready: still waiting for the first list of %s", ", ".join(sorted(self._unsynced)))

    async def run(self) -> None:
        """Apply changes as they come, for ever."""
        while True:
            self._apply(await self._batch())
            await asyncio.sleep(0)

    async def _watch(self, kind: Kind) -> None:
        async for event in watch(self._kube, kind):
            self._queue.put_nowait((kind, event))

    async def _batch(self) -> list[Change]:
        """At least one event's changes, and those of all that came while we were busy."""
        events = [await self._queue.get()]
        while not self._queue.empty():
            events.append(self._queue.get_nowait())
        return [change for kind, event in events for change in self._changes(kind, event)]

    def _changes(self, kind: Kind, event: Added | Modified | Deleted | Synced) -> Iterable[Change]:
        if isinstance(event, Synced):
            self._unsynced.discard(kind.kind)
            return ()
        raw = {"apiVersion": kind.api_version, "kind": kind.kind, **event.object}
        return deleted(raw) if isinstance(event, Deleted) else stored(raw)

    def _apply(self, changes: list[Change]) -> None:
        if self._plane.apply(changes):
            self._wake()
