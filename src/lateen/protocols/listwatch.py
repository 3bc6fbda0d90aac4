"""List, then watch, and never lose a deletion: the conversation of a Kubernetes client as a pure state machine.

In: pages of a list, watch events, ends and failures of requests, each with the time (monotonic seconds).
Out: actions: the next request to make, how long to wait before it, and events for the consumer.
Rules: every object that was ever reported Added is reported Deleted once it is gone, also if it went while the watch
was broken (after 410 the new list is compared with what was known); events of one object arrive in order; requests
back off exponentially while they fail and start again quickly after a success.
https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = [
    "Action",
    "Added",
    "Deleted",
    "Event",
    "List",
    "ListWatch",
    "Modified",
    "Notify",
    "Synced",
    "Trouble",
    "Wait",
    "Watch",
]

Object = Mapping[str, Any]
_Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Added:
    object: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Modified:
    object: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Deleted:
    """`object` is the last state, or only apiVersion, kind and identity if it went while nobody watched."""

    object: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Synced:
    """Everything that existed at `resource_version` has been reported."""

    resource_version: str


Event = Added | Modified | Deleted | Synced


@dataclass(frozen=True, slots=True)
class List:
    """Request a page: `limit` objects, from `continue_token` ("" = the first page)."""

    limit: int
    continue_token: str = ""


@dataclass(frozen=True, slots=True)
class Watch:
    """Open a watch with bookmarks from `resource_version`, to be ended by the server after `timeout_seconds`."""

    resource_version: str
    timeout_seconds: int


@dataclass(frozen=True, slots=True)
class Wait:
    """Make the next request only after this many seconds, counted from now; then call `resume`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Notify:
    event: Event


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something worth a line in the log: HTTP `code` (0 = no answer) and what was said."""

    code: int
    message: str


Action = List | Watch | Wait | Notify | Trouble


@dataclass(slots=True)
class _Known:
    uid: str
    resource_version: str
    api_version: str
    kind: str


class ListWatch:
    """One list-watch. Call `start` once, then answer each request action through the matching method.

    A request action (List, Watch, Wait) is always the last of the returned actions, and at most one is returned.
    """

    def __init__(
        self, page_size: int = 500, timeout_seconds: int = 290, backoff: tuple[float, float] = (0.1, 10.0)
    ) -> None:
        self._page_size = page_size
        self._timeout = timeout_seconds
        self._backoff = backoff
        self._failures = 0
        self._known: dict[_Key, _Known] = {}
        self._resource_version = ""
        self._pending: dict[_Key, dict[str, Any]] = {}
        self._watch_opened = 0.0
        self._watch_seen = False
        self._next: List | Watch = List(page_size)

    @property
    def resource_version(self) -> str:
        """The newest version that the server is known to have told everything up to."""
        return self._resource_version

    def start(self) -> tuple[Action, ...]:
        """The first request."""
        return (self._next,)

    def resume(self, now: float) -> tuple[Action, ...]:
        """After a Wait: the request that was put off."""
        return (self._request(self._next, now),)

    def page(
        self, items: Iterable[dict[str, Any]], resource_version: str, continue_token: str, now: float
    ) -> tuple[Action, ...]:
        """A page of the list. The last one yields the difference to what was known, `Synced` and the watch.

        Items of a list carry no apiVersion and kind in Kubernetes' answers: the caller fills them in.
        """
        for item in items:
            self._pending[_key(item)] = item
        if continue_token:
            self._next = List(self._page_size, continue_token)
            return (self._next,)
        self._resource_version = resource_version
        self._failures = 0
        actions: list[Action] = [Notify(event) for event in self._difference()]
        actions.append(Notify(Synced(resource_version)))
        actions.append(self._request(Watch(resource_version, self._timeout), now))
        return tuple(actions)

    def watched(self, kind: str, obj: dict[str, Any], now: float) -> tuple[Action, ...]:
        """A line of the watch: type ADDED, MODIFIED, DELETED, BOOKMARK or ERROR. No request action: keep reading.

        After an ERROR the stream has to be closed: the returned actions then end with a request.
        """
        if kind == "ERROR":
            return self.failed(int(obj.get("code") or 0), str(obj.get("message") or "watch error"), now)
        self._watch_seen = True
        self._failures = 0
        self._resource_version = str(_meta(obj).get("resourceVersion") or self._resource_version)
        if kind == "BOOKMARK":
            return ()
        if kind == "DELETED":
            return (Notify(Deleted(obj)),) if self._known.pop(_key(obj), None) else ()
        return tuple(Notify(event) for event in self._upsert(obj))

    def watch_ended(self, now: float) -> tuple[Action, ...]:
        """The stream ended without an error, as it does every few minutes: watch again from where it stopped."""
        self._next = Watch(self._resource_version, self._timeout)
        if self._watch_seen or now - self._watch_opened >= 1.0:
            return (self._request(self._next, now),)
        return self._back_off()  # a server that closes at once must not be asked in a tight loop

    def failed(self, code: int, message: str, now: float) -> tuple[Action, ...]:
        """A request failed: HTTP `code`, or 0 if there was no answer."""
        del now
        if code == 410:
            return self._relist(message)
        if isinstance(self._next, List):
            # a half-read list is worthless once the server may have restarted: begin with its first page
            self._pending = {}
            self._next = List(self._page_size)
        else:
            self._next = Watch(self._resource_version, self._timeout)
        return (Trouble(code, message), *self._back_off())

    def _relist(self, message: str) -> tuple[Action, ...]:
        """410: what we know is older than the server's memory. Listing again is the remedy, not worth a wait."""
        self._pending = {}
        self._next = List(self._page_size)
        self._failures += 1
        if self._failures == 1:
            return (self._next,)
        return (Trouble(410, message), *self._back_off(counted=True))

    def _request(self, request: List | Watch, now: float) -> List | Watch:
        self._next = request
        if isinstance(request, Watch):
            self._watch_opened = now
            self._watch_seen = False
        return request

    def _back_off(self, counted: bool = False) -> tuple[Action, ...]:
        if not counted:
            self._failures += 1
        first, longest = self._backoff
        return (Wait(min(longest, first * 2 ** min(self._failures - 1, 20))),)

    def _difference(self) -> list[Event]:
        found, self._pending = self._pending, {}
        gone = [key for key in self._known if key not in found]
        events: list[Event] = [Deleted(_tombstone(key, self._known.pop(key))) for key in gone]
        for item in found.values():
            events.extend(self._upsert(item))
        return events

    def _upsert(self, obj: dict[str, Any]) -> list[Event]:
        key, meta = _key(obj), _meta(obj)
        new = _Known(
            str(meta.get("uid") or ""),
            str(meta.get("resourceVersion") or ""),
            str(obj.get("apiVersion") or ""),
            str(obj.get("kind") or ""),
        )
        old = self._known.get(key)
        self._known[key] = new
        if old is None:
            return [Added(obj)]
        if old.uid != new.uid:
            return [Deleted(_tombstone(key, old)), Added(obj)]
        if old.resource_version == new.resource_version and new.resource_version:
            return []
        return [Modified(obj)]


def _meta(obj: Object) -> Object:
    meta = obj.get("metadata")
    return meta if isinstance(meta, dict) else {}


def _key(obj: Object) -> _Key:
    meta = _meta(obj)
    return str(meta.get("namespace") or ""), str(meta.get("name") or "")


def _tombstone(key: _Key, known: _Known) -> dict[str, Any]:
    meta = {"name": key[1], "uid": known.uid, "resourceVersion": known.resource_version}
    if key[0]:
        meta["namespace"] = key[0]
    return {"apiVersion": known.api_version, "kind": known.kind, "metadata": meta}
