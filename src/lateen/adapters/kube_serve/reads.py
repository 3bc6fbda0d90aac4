"""GET: single objects, lists (in pages), watches.

In: a request for a stored kind. Out: its answer. The rules: a list says at which revision it was made; a watch that
starts there misses nothing; a watch from a forgotten revision gets 410 and its client lists again.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncIterator, Iterable
from typing import Any, NamedTuple

import msgspec
from aiohttp import web

from lateen.adapters.clock import Clock
from lateen.adapters.kube_serve import answers
from lateen.adapters.kube_serve.operations import Place
from lateen.adapters.kube_serve.watch_hub import WatchHub
from lateen.localcluster import selectors
from lateen.localcluster.client_values import number_of
from lateen.localcluster.errors import ApiError, gone, not_found
from lateen.localcluster.selectors import Selector
from lateen.localcluster.store import Entry, Store
from lateen.localcluster.tables import table
from lateen.localcluster.tables_builtin import columns
from lateen.localcluster.watchlog import Event, Scope

JSON = dict[str, Any]
DEFAULT_WATCH_SECONDS = 1800
BOOKMARK_SECONDS = 30
INITIAL_END = {"k8s.io/initial-events-end": "true"}


class Viewing(NamedTuple):
    """How the client wants to see what it asked for."""

    place: Place
    form: answers.Form
    include: str
    query: Any


class Reads:
    """Read requests over one store."""

    def __init__(self, store: Store, hub: WatchHub, clock: Clock) -> None:
        self._store = store
        self._hub = hub
        self._clock = clock

    def get(self, viewing: Viewing) -> web.Response:
        """One object."""
        place, info = viewing.place, viewing.place.info
        entry = self._store.entry(info.resource, place.namespace, place.name)
        if entry is None:
            raise not_found(info.group, info.plural, place.name)
        if viewing.form == "object":
            return answers.respond(answers.encoded(entry, info))
        return answers.respond(answers.one(entry.obj, info, viewing.form, self._clock.now(), viewing.include))

    def select(self, viewing: Viewing) -> Selector:
        """The request's selector."""
        info, query = viewing.place.info, viewing.query
        label_text, field_text = query.get("labelSelector", ""), query.get("fieldSelector", "")
        return selectors.parse(label_text, field_text, info.kind, info.selectable_fields)

    def entries(self, viewing: Viewing, selector: Selector) -> list[Entry]:
        """The entries that a list is about."""
        place = viewing.place
        found = self._store.entries(place.info.resource, place.namespace)
        return list(found) if selector.empty else [entry for entry in found if selector.matches(entry.obj)]

    def list(self, viewing: Viewing) -> web.Response:
        """All objects of a kind that the selector selects, or one page of them."""
        revision = _revision(viewing.query.get("resourceVersion", ""))
        if revision is not None and revision > self._store.revision:
            self._store.log.since(revision, self._store.revision)
        entries = self.entries(viewing, self.select(viewing))
        meta: JSON = {"resourceVersion": str(self._store.revision)}
        entries = _page(entries, viewing.query, meta)
        info = viewing.place.info
        body = answers.many(entries, info, meta, viewing.form, self._clock.now(), viewing.include)
        return answers.respond(body)

    # Watching

    async def watch(self, request: web.BaseRequest, viewing: Viewing) -> web.StreamResponse:
        """A stream of changes, until the client leaves, its time is over or the server stops."""
        selector = self.select(viewing)
        place, query = viewing.place, viewing.query
        seconds = _seconds(query.get("timeoutSeconds", ""))
        scope = Scope(place.info.resource, place.namespace, selector)
        watcher = self._hub.open(scope)
        try:
            start = self._start(viewing, scope)
            response = web.StreamResponse(headers={"Content-Type": "application/json"})
            response.enable_chunked_encoding()
            await response.prepare(request)
            await response.write(start)
            end = self._clock.monotonic() + seconds
            async for chunk in self._changes(viewing, watcher, end):
                await response.write(chunk)
            await response.write_eof()
            return response
        except ConnectionResetError:
            return response
        finally:
            self._hub.drop(watcher)

    def _start(self, viewing: Viewing, scope: Scope) -> bytes:
        """What the stream begins with: present objects, or the changes since the client's revision."""
        query = viewing.query
        wanted = query.get("resourceVersion", "")
        initial = query.get("sendInitialEvents") in ("true", "1")
        revision = _revision(wanted)
        if initial or not revision:
            events = b"".join(
                self._line("ADDED", viewing, entry.obj, entry.data) for entry in self.entries(viewing, scope.selector)
            )
            ending = self._bookmark(viewing, INITIAL_END) if initial and _bookmarks(query) else b""
            return events + ending
        try:
            missed = self._store.log.since(revision, self._store.revision)
        except ApiError as error:
            if error.code == 410:
                return _error_line(error)
            raise
        return b"".join(self._lines(viewing, ((scope.translate(event), event) for event in missed)))

    def _lines(self, viewing: Viewing, changes: Iterable[tuple[str | None, Event]]) -> Iterable[bytes]:
        for seen_as, event in changes:
            if seen_as is not None:
                yield self._line(seen_as, viewing, None, event.data)

    async def _changes(self, viewing: Viewing, watcher: Any, end: float) -> AsyncIterator[bytes]:
        bookmarks = _bookmarks(viewing.query)
        while not watcher.closed:
            remaining = end - self._clock.monotonic()
            if remaining <= 0:
                return
            taken = await watcher.take(min(BOOKMARK_SECONDS, remaining))
            if taken:
                yield b"".join(self._lines(viewing, taken))
            elif bookmarks:
                yield self._bookmark(viewing, {})

    def _line(self, kind: str, viewing: Viewing, obj: JSON | None, data: bytes) -> bytes:
        info = viewing.place.info
        if viewing.form == "object" and not info.custom:  # built-in kinds are stored in the one version that they have
            return b'{"type":"' + kind.encode() + b'","object":' + data + b"}\n"
        decoded: JSON = msgspec.json.decode(data) if obj is None else obj
        shown = answers.one(decoded, info, viewing.form, self._clock.now(), viewing.include)
        return msgspec.json.encode({"type": kind, "object": shown}) + b"\n"

    def _bookmark(self, viewing: Viewing, annotations: JSON) -> bytes:
        info = viewing.place.info
        meta: JSON = {"resourceVersion": str(self._store.revision), "creationTimestamp": None}
        if annotations:
            meta["annotations"] = annotations
        obj: JSON = {"kind": info.kind, "apiVersion": info.api_version, "metadata": meta}
        if viewing.form == "table":
            obj = {**table(columns(info), [], 0.0), "metadata": {"resourceVersion": meta["resourceVersion"]}}
        return msgspec.json.encode({"type": "BOOKMARK", "object": obj}) + b"\n"


def _error_line(error: ApiError) -> bytes:
    return msgspec.json.encode({"type": "ERROR", "object": error.status()}) + b"\n"


def _bookmarks(query: Any) -> bool:
    return query.get("allowWatchBookmarks") in ("true", "1")


def _revision(text: str) -> int | None:
    if text == "":
        return None
    return number_of(text, "resourceVersion")


def _seconds(text: str) -> float:
    if not text:
        return DEFAULT_WATCH_SECONDS
    return min(float(number_of(text, "timeoutSeconds")), 24 * 3600.0)


def _page(entries: list[Entry], query: Any, meta: JSON) -> list[Entry]:
    """The page that `limit` and `continue` ask for; `meta` gets the token of the next one."""
    token, limit = query.get("continue", ""), number_of(query.get("limit") or "0", "limit")
    after = _position(token) if token else None
    if after is not None:
        entries = [entry for entry in entries if _key(entry) > after]
    if limit and len(entries) > limit:
        meta["remainingItemCount"] = len(entries) - limit
        entries = entries[:limit]
        meta["continue"] = base64.urlsafe_b64encode(msgspec.json.encode(_key(entries[-1]))).decode()
    return entries


def _key(entry: Entry) -> tuple[str, str]:
    meta = entry.obj["metadata"]
    return (meta.get("namespace", ""), meta["name"])


def _position(token: str) -> tuple[str, str]:
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(token), type=tuple[str, str])
    except (msgspec.DecodeError, binascii.Error, ValueError):
        raise gone("the provided continue parameter is not valid: list again without it") from None
