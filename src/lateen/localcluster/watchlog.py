"""The history of changes: what watchers see, and from which revision on it can still be told.

In: committed events, in order. Out: per watcher the events that concern it, as Kubernetes words them. The rules: a
bounded window is kept; a client that asks for older history gets 410 and lists again; a selector turns a change into
ADDED, MODIFIED or DELETED by whether the object matched before and matches now. An event carries the encoded object
once for all watchers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from lateen.localcluster.errors import ApiError, gone
from lateen.localcluster.selectors import EVERYTHING, Selector

JSON = dict[str, Any]
HISTORY = 2048


class Event(NamedTuple):
    """One committed change. `data` is the encoded object in its storage version, `previous` the one before."""

    revision: int
    type: str  # ADDED, MODIFIED, DELETED
    resource: str
    namespace: str
    name: str
    data: bytes
    previous: bytes | None

    def object(self) -> JSON:
        decoded: JSON = msgspec.json.decode(self.data)
        return decoded

    def previous_object(self) -> JSON | None:
        return None if self.previous is None else msgspec.json.decode(self.previous)


class WatchLog:
    """The newest events, oldest first."""

    def __init__(self, capacity: int = HISTORY) -> None:
        self._events: deque[Event] = deque()
        self._capacity = capacity
        self.compacted = 0  # the newest revision that is no longer told

    def append(self, event: Event) -> None:
        self._events.append(event)
        if len(self._events) > self._capacity:
            self.compacted = self._events.popleft().revision

    def compact_to(self, revision: int) -> None:
        """Forget everything up to and including a revision."""
        while self._events and self._events[0].revision <= revision:
            self._events.popleft()
        self.compacted = max(self.compacted, revision)

    def since(self, revision: int, newest: int) -> list[Event]:
        """Events after `revision`. 410 if some are forgotten; 504 if that revision has not happened."""
        if revision < self.compacted:
            raise gone(f"too old resource version: {revision} ({self.compacted})")
        if revision > newest:
            raise ApiError(
                504, "Timeout", f"Too large resource version: {revision}, current: {newest}",
                {"causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
                 "retryAfterSeconds": 1},
            )  # fmt: skip
        found = []
        for event in reversed(self._events):
            if event.revision <= revision:
                break
            found.append(event)
        found.reverse()
        return found


class Scope(NamedTuple):
    """What one watcher looks at. An empty namespace means all of them."""

    resource: str
    namespace: str = ""
    selector: Selector = EVERYTHING

    def covers(self, event: Event) -> bool:
        return event.resource == self.resource and self.namespace in ("", event.namespace)

    def translate(self, event: Event) -> str | None:
        """The type of event that this watcher sees, or None when the change is none of its business."""
        if not self.covers(event):
            return None
        if self.selector.empty:
            return event.type
        return self._translate_selected(event)

    def _translate_selected(self, event: Event) -> str | None:
        name = self.selector.only_name
        if name is not None and name != event.name:
            return None
        before = event.previous_object() if event.type != "ADDED" else None
        matched = before is not None and self.selector.matches(before)
        if event.type == "DELETED":
            return "DELETED" if matched else None
        if not self.selector.matches(event.object()):
            return "DELETED" if matched else None
        return "MODIFIED" if matched else "ADDED"


Listener = Callable[[Event], None]
