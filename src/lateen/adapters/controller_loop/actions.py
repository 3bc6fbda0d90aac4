"""Carrying out what a controller decided, and telling what happened in Events.

In: an outcome's actions. Out: writes through the API; the first refusal as `ApiError`.
Rules: actions run in order, creations that follow each other at once; an object that is gone needs no deletion, and one
in a namespace that is going away no creation; a second update of the same object in one outcome is based on the first.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections import deque
from collections.abc import Iterator
from itertools import groupby

from lateen.adapters.clock import Clock
from lateen.adapters.controller_loop.state import LocalApi
from lateen.localcluster.auth.identity import User, controller
from lateen.localcluster.controllers.events import event_name, event_of
from lateen.localcluster.controllers.model import Action, Bind, Create, Delete, Object, Report, Update
from lateen.localcluster.errors import ApiError

__all__ = ["Actions", "Reporter"]

log = logging.getLogger(__name__)
_AT_ONCE = 16
_WAITING = 2000  # reports that may wait; beyond that the newest are dropped: they tell, they do not decide
_Versions = dict[tuple[str, str, str], str]


class Reporter:
    """Writes Events behind the controllers' backs: nobody waits for them."""

    def __init__(self, api: LocalApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._reports: deque[tuple[Report, str]] = deque()
        self._some = asyncio.Event()

    def say(self, report: Report, source: str, **facts: str) -> None:
        """Queues the report; `facts` fill in what its text leaves open."""
        if len(self._reports) >= _WAITING:
            log.warning("too many events are waiting; dropped: %s", report.text)
            return
        text = report.text
        for name, value in facts.items():
            text = text.replace("{" + name + "}", value)
        self._reports.append((dataclasses.replace(report, text=text), source))
        self._some.set()

    async def run(self) -> None:
        """Writes what is queued, for ever."""
        while True:
            while self._reports:
                await self._write(*self._reports.popleft())
            self._some.clear()
            await self._some.wait()

    async def _write(self, report: Report, source: str) -> None:
        existing = self._api.get("Event", *event_name(report, source))
        action = event_of(report, source, existing, self._clock.now())
        try:
            if isinstance(action, Create):
                await self._api.create(action.kind, action.obj, controller(source))
            else:
                await self._api.update(action.kind, action.obj, controller(source))
        except ApiError as error:
            log.debug("event %s not written: %s", report.reason, error.message)


class Actions:
    """Applies outcomes for one controller."""

    def __init__(self, api: LocalApi, reporter: Reporter, source: str) -> None:
        self._api = api
        self._reporter = reporter
        self._source = source
        self._user: User = controller(source)

    async def apply(self, actions: tuple[Action, ...]) -> None:
        """Raises the first `ApiError` that is not to be expected; what comes after it is not done."""
        versions: _Versions = {}
        for batch in _batches(actions):
            if isinstance(batch[0], Create):
                await self._create_all([action for action in batch if isinstance(action, Create)])
            else:
                await self._one(batch[0], versions)

    async def _create_all(self, creations: list[Create]) -> None:
        for start in range(0, len(creations), _AT_ONCE):
            part = creations[start : start + _AT_ONCE]
            results = await asyncio.gather(*(self._create(action) for action in part), return_exceptions=True)
            for result in results:
                if isinstance(result, BaseException):
                    raise result

    async def _create(self, action: Create) -> None:
        try:
            made = await self._api.create(action.kind, action.obj, self._user)
        except ApiError as error:
            if _is_terminating(error):
                return
            if action.failure is not None:
                self._reporter.say(action.failure, self._source, error=error.message)
            raise
        if action.success is not None:
            self._reporter.say(action.success, self._source, name=str(made["metadata"]["name"]))

    async def _one(self, action: Action, versions: _Versions) -> None:
        if isinstance(action, Report):
            self._reporter.say(action, self._source)
        elif isinstance(action, Update):
            await self._update(action, versions)
        elif isinstance(action, Delete):
            await self._delete(action)
        elif isinstance(action, Bind):
            await self._api.bind(action.namespace, action.name, action.node, self._user)

    async def _update(self, action: Update, versions: _Versions) -> None:
        obj, meta = action.obj, action.obj["metadata"]
        key = (action.kind, str(meta.get("namespace") or ""), str(meta["name"]))
        if key in versions:
            obj = {**obj, "metadata": {**meta, "resourceVersion": versions[key]}}
        try:
            made = await self._api.update(action.kind, obj, self._user, action.subresource)
        except ApiError as error:
            if error.code != 404:
                raise
            return
        versions[key] = str(made["metadata"].get("resourceVersion") or "")

    async def _delete(self, action: Delete) -> None:
        options: Object = {"preconditions": {"uid": action.uid}} if action.uid else {}
        if action.policy:
            options["propagationPolicy"] = action.policy
        if action.grace is not None:
            options["gracePeriodSeconds"] = action.grace
        try:
            await self._api.delete(action.kind, action.namespace, action.name, self._user, options)
        except ApiError as error:
            if error.code not in (404, 409):  # gone, or another object has the name by now
                raise
            return
        if action.success is not None:
            self._reporter.say(action.success, self._source, name=action.name)


def _batches(actions: tuple[Action, ...]) -> Iterator[list[Action]]:
    """Creations that follow each other together, everything else alone."""
    for is_creation, group in groupby(actions, lambda action: isinstance(action, Create)):
        if is_creation:
            yield list(group)
        else:
            yield from ([action] for action in group)


def _is_terminating(error: ApiError) -> bool:
    causes = (error.details or {}).get("causes") or ()
    return any(cause.get("reason") == "NamespaceTerminating" for cause in causes)
