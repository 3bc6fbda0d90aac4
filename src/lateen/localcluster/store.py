"""The objects of the local cluster: one revision counter, one map per kind, one history.

In: finished objects (admitted, defaulted, validated) for create, update and delete. Out: the stored object with its
resourceVersion, and an event for every listener. The rules: a change is persisted before anybody can see it (if that
fails, nothing has happened); objects are frozen once stored; names are unique per kind and namespace; a lost race is
a 409.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from lateen.localcluster.errors import already_exists, conflict, not_found
from lateen.localcluster.registry import KindInfo
from lateen.localcluster.watchlog import Event, Listener, WatchLog

JSON = dict[str, Any]
Key = tuple[str, str]  # namespace ("" for cluster-scoped), name


class Entry(NamedTuple):
    """One stored object, decoded and encoded (in its storage version)."""

    obj: JSON
    data: bytes

    @property
    def revision(self) -> str:
        return str(self.obj["metadata"]["resourceVersion"])


class Record(NamedTuple):
    """One row of the persistent log. `data` is None for a deletion without content."""

    revision: int
    type: str
    resource: str
    namespace: str
    name: str
    data: bytes


Persist = Callable[[Record], None]


class Store:
    """All objects, in memory, backed by a log that `persist` appends to."""

    def __init__(self, persist: Persist, log: WatchLog | None = None) -> None:
        self._persist = persist
        self._objects: dict[str, dict[Key, Entry]] = {}
        self._listeners: list[Listener] = []
        self.log = log or WatchLog()
        self.revision = 0

    # Reading

    def entry(self, resource: str, namespace: str, name: str) -> Entry | None:
        return self._objects.get(resource, {}).get((namespace, name))

    def get(self, resource: str, namespace: str, name: str) -> JSON | None:
        """The stored object, frozen, or None."""
        entry = self.entry(resource, namespace, name)
        return None if entry is None else entry.obj

    def entries(self, resource: str, namespace: str = "") -> Iterator[Entry]:
        """Entries of a kind sorted by namespace and name; an empty namespace means all."""
        table = self._objects.get(resource, {})
        for key in sorted(table):
            if namespace in ("", key[0]):
                yield table[key]

    def list(self, resource: str, namespace: str = "") -> list[JSON]:
        """The stored objects, frozen, sorted by namespace and name."""
        return [entry.obj for entry in self.entries(resource, namespace)]

    def count(self, resource: str) -> int:
        return len(self._objects.get(resource, {}))

    # Writing

    def create(self, info: KindInfo, obj: JSON) -> JSON:
        """Store a new object. Raises `ApiError` 409 if the name is taken."""
        key = _key(obj)
        if key in self._objects.get(info.resource, {}):
            raise already_exists(info.group, info.plural, key[1])
        return self._commit("ADDED", info.resource, key, obj)

    def replace(self, info: KindInfo, obj: JSON, expected: str) -> JSON:
        """Store a changed object if the stored one still has the resourceVersion `expected`; 404 or 409 otherwise."""
        key = _key(obj)
        current = self._current(info, key, expected)
        if current.obj == obj:
            return current.obj
        return self._commit("MODIFIED", info.resource, key, obj)

    def remove(self, info: KindInfo, obj: JSON, expected: str) -> JSON:
        """Remove an object; `obj` is its last state, which watchers see. 404 or 409 as for `replace`."""
        key = _key(obj)
        self._current(info, key, expected)
        return self._commit("DELETED", info.resource, key, obj)

    def _current(self, info: KindInfo, key: Key, expected: str) -> Entry:
        current = self._objects.get(info.resource, {}).get(key)
        if current is None:
            raise not_found(info.group, info.plural, key[1])
        if current.revision != expected:
            raise conflict(info.group, info.plural, key[1])
        return current

    def _commit(self, kind: str, resource: str, key: Key, obj: JSON) -> JSON:
        revision = self.revision + 1
        stored = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(revision)}}
        data = msgspec.json.encode(stored)
        self._persist(Record(revision, kind, resource, *key, data))
        previous = self._apply(kind, resource, key, Entry(stored, data), revision)
        event = Event(revision, kind, resource, *key, data, previous)
        self.log.append(event)
        for listener in tuple(self._listeners):
            listener(event)
        return stored

    def _apply(self, kind: str, resource: str, key: Key, entry: Entry, revision: int) -> bytes | None:
        table = self._objects.setdefault(resource, {})
        before = table.pop(key, None)
        if kind != "DELETED":
            table[key] = entry
        self.revision = revision
        return None if before is None else before.data

    # History

    def restore(self, records: Iterable[Record], compacted: int, newest: int) -> None:
        """Rebuild objects and history from the persistent log, oldest record first."""
        for record in records:
            obj: JSON = msgspec.json.decode(record.data)
            key = (record.namespace, record.name)
            previous = self._apply(record.type, record.resource, key, Entry(obj, record.data), record.revision)
            self.log.append(Event(*record, previous))
        self.log.compact_to(compacted)
        self.revision = max(self.revision, newest)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with every later event, in order; returns the function that ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)


def _key(obj: JSON) -> Key:
    meta = obj["metadata"]
    return (meta.get("namespace", ""), meta["name"])
