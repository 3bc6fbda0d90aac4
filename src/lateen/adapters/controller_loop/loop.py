"""The loop that runs all controllers: woken by changes and deadlines, never by polling.

In: the in-process API and the list of controllers. Out: their actions, applied.
Rules: keys are worked on in parallel, but never one key twice at once; a refusal is tried again with growing pauses, a
programming error too (it is logged with its path), so that one odd object does not stop the cluster.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence

from lateen.adapters.clock import SYSTEM, Clock
from lateen.adapters.controller_loop.actions import Actions, Reporter
from lateen.adapters.controller_loop.state import ClusterState, LocalApi
from lateen.adapters.tasks import Tasks
from lateen.localcluster.controllers.all import controllers
from lateen.localcluster.controllers.model import Change, Controller, Key, Moment, Snapshot
from lateen.localcluster.controllers.queue import WorkQueue
from lateen.localcluster.errors import ApiError

__all__ = ["ControllerLoop"]

log = logging.getLogger(__name__)


class ControllerLoop:
    """All controllers over one API. `await run()` is one endless, essential task of the API server."""

    def __init__(
        self, api: LocalApi, ca_pem: str, clock: Clock = SYSTEM, only: Sequence[Controller] | None = None
    ) -> None:
        self._api = api
        self._clock = clock
        self._list = controllers(ca_pem) if only is None else tuple(only)
        self._changes: deque[Change] = deque()
        self._some = asyncio.Event()
        self._state = ClusterState(api, self._noticed)
        self._reporter = Reporter(api, clock)
        self._runners: tuple[_Runner, ...] = ()

    async def run(self) -> None:
        """Follows the cluster until cancelled."""
        async with Tasks() as tasks:
            self._runners = tuple(
                _Runner(item, self._state, Actions(self._api, self._reporter, item.name), self._clock)
                for item in self._list
            )
            tasks.start(self._reporter.run(), "events", essential=True)
            for runner in self._runners:
                runner.start(tasks)
            stop = self._state.follow()
            try:
                tasks.start(self._dispatch(), "dispatch", essential=True)
                await tasks.wait()
            finally:
                stop()

    @property
    def idle(self) -> bool:
        """Nothing is left to do now (delayed looks may be planned)."""
        return not self._changes and all(runner.queue.idle for runner in self._runners)

    def _noticed(self, change: Change) -> None:
        self._changes.append(change)
        self._some.set()

    async def _dispatch(self) -> None:
        while True:
            while self._changes:
                change = self._changes.popleft()
                for runner in self._runners:
                    runner.notice(change)
            self._some.clear()
            await self._some.wait()


class _Runner:
    """One controller: its queue and its workers."""

    def __init__(self, controller: Controller, state: Snapshot, actions: Actions, clock: Clock) -> None:
        self.queue = WorkQueue()
        self._controller = controller
        self._state = state
        self._actions = actions
        self._clock = clock
        self._some = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._failures: dict[Key, str] = {}

    def start(self, tasks: Tasks) -> None:
        for number in range(self._controller.parallel):
            tasks.start(self._work(tasks), f"{self._controller.name} {number}", essential=True)

    def notice(self, change: Change) -> None:
        """Queues the keys that a change wakes."""
        if self._controller.kinds is not None and change.kind not in self._controller.kinds:
            return
        for key in self._controller.wakes(self._state, change):
            self.queue.add(key)
            self._some.set()

    async def _work(self, tasks: Tasks) -> None:
        while True:
            key = self.queue.take(self._clock.monotonic())
            if key is None:
                self._arm()
                self._some.clear()
                await self._some.wait()
                continue
            await self._one(tasks, key)

    async def _one(self, tasks: Tasks, key: Key) -> None:
        """One key, in a task of its own: a crash there is logged and costs this key a pause, no more."""
        name = f"{self._controller.name} {'/'.join(key)}"
        again_in = await tasks.start(self._reconcile(key), name)
        now = self._clock.monotonic()
        if again_in is None:
            self.queue.failed(key, now)
        else:
            self.queue.done(key, now, again_in if again_in >= 0 else None)
        self._arm()

    async def _reconcile(self, key: Key) -> float | None:
        """Seconds after which to look again (-1 = when something happens), or None after a failure."""
        moment = Moment(self._state, self._clock.now(), self._failures.get(key, ""))
        outcome = self._controller.reconcile(moment, key)
        try:
            await self._actions.apply(outcome.actions)
        except ApiError as error:
            self._note(key, error)
            return None
        self._failures.pop(key, None)
        return -1.0 if outcome.again_in is None else outcome.again_in

    def _note(self, key: Key, error: ApiError) -> None:
        if error.reason == "Conflict":
            return  # somebody else was faster: look at the new state and decide again
        if self._failures.get(key) != error.message:
            log.info("%s %s: %s; trying again", self._controller.name, "/".join(key), error.message)
        self._failures[key] = error.message

    def _arm(self) -> None:
        """Wakes a worker when the next delayed key is due."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self.queue.next_due()
        if due is not None:
            delay = max(0.0, due - self._clock.monotonic())
            self._timer = asyncio.get_running_loop().call_later(delay, self._some.set)
