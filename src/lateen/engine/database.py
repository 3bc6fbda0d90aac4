"""The database: inputs, and everything remembered that was computed from them.

In: batches of changes (`apply`), questions (`get`, `lookup`, `keys`, calls of queries). Out: answers that a fresh
database with the same inputs would give.
Rule: single-threaded; inputs change only between questions; nothing is computed before somebody asks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from lateen.engine import sweep
from lateen.engine.errors import EngineError, QueryValueError
from lateen.engine.events import Log, Ran
from lateen.engine.memo import Frame, Memo
from lateen.engine.query import AnyQuery, Query
from lateen.engine.settle import settle, settle_all
from lateen.engine.store import ALL, Store
from lateen.engine.subscription import Subscription
from lateen.engine.tables import Change, Collection, K, Set, Table, V


class Database:
    """See the module's docstring, and the package's for how to use it."""

    def __init__(self) -> None:
        self.revision = 0
        """Goes up by one with each batch that changes something."""
        self.runs: Counter[str] = Counter()
        """How often each query and collection ran, by name, since the beginning."""
        # The rest is for the files of this package.
        self.stores: dict[Table[Any, Any], Store] = {}
        self.memos: dict[AnyQuery, dict[tuple[Hashable, ...], Memo]] = {}
        self.stack: list[Frame] = []
        self.stale: set[Store] = set()
        self.dirty: dict[Subscription, None] = {}
        self._logs: list[Log] = []
        self._interned: dict[frozenset[Store], frozenset[Store]] = {}
        self._serial = 0

    def apply(self, changes: Iterable[Change]) -> bool:
        """One revision for the whole batch; of several changes to one entry the last counts.

        Returns whether anything changed. Raises `EngineError` inside a query, or for a change to a collection.
        """
        if self.stack:
            raise EngineError(f"apply() inside {self.stack[-1].memo!r}: a query only reads")
        batch = {(change.table, change.key): change for change in changes}
        revision = self.revision
        for (table, key), change in batch.items():
            if isinstance(table, Collection):
                raise EngineError(f"{table.name} is derived; change its source {table.source.name} instead")
            store = self._store(table)
            if isinstance(change, Set):
                if key in store.entries and store.entries[key] == change.value:
                    continue
            elif key not in store.entries:
                continue
            self.revision = revision + 1
            if isinstance(change, Set):
                store.put(key, change.value)
            else:
                store.drop(key)
        return self.revision != revision

    def get(self, table: Table[K, V], key: K) -> V | None:
        """The entry's value, or None; the running query then depends on this one entry."""
        store = self._settled(table)
        if self.stack:
            self.stack[-1].note(store.entry_cell(key))
        value: V | None = store.entries.get(key)
        return value

    def lookup(self, table: Table[K, V], index: str, bucket: Hashable) -> tuple[K, ...]:
        """Sorted keys of the entries in that bucket of the index; a dependency on the bucket's membership only."""
        if index not in table.indexes:
            raise EngineError(f"{table.name} has no index {index!r}; it has {sorted(table.indexes)}")
        return self._members(table, (index, bucket))

    def keys(self, table: Table[K, V]) -> tuple[K, ...]:
        """All keys, sorted; a dependency on membership only."""
        return self._members(table, ALL)

    def subscribe(self, query: AnyQuery, *args: Hashable) -> Subscription:
        """Standing interest in `query(db, *args)`; it counts as dirty until it is read for the first time."""
        self._serial += 1
        subscription = Subscription(self, self.memo(query, args), self._serial)
        self.dirty[subscription] = None
        return subscription

    def take_dirty(self) -> tuple[Subscription, ...]:
        """Subscriptions whose value may have changed since they were read, oldest first; each is reported once.

        Costs what the changes since then affect, not the number of subscriptions.
        """
        settle_all(self, tuple(self.stale))
        found = tuple(sorted(self.dirty, key=lambda subscription: subscription.serial))
        self.dirty.clear()
        return found

    def sweep(self) -> int:
        """Forget what no subscription needs; returns the number of values forgotten."""
        if self.stack:
            raise EngineError(f"sweep() inside {self.stack[-1].memo!r}: a query only reads")
        return sweep.sweep(self)

    @property
    def remembered(self) -> int:
        """How many values of queries are remembered: a hint for when a sweep is worth its time."""
        return sum(map(len, self.memos.values()))

    @contextmanager
    def recording(self) -> Iterator[Log]:
        """Collect what runs inside the `with` block, in order."""
        log = Log()
        self._logs.append(log)
        try:
            yield log
        finally:
            self._logs = [other for other in self._logs if other is not log]

    # --- for the files of this package ---

    def memo(self, query: Query[Any, Any], args: tuple[Any, ...]) -> Memo:
        """The memo of one call, made at its first mention."""
        try:
            found = self.memos.setdefault(query, {})
            memo = found.get(args)
        except TypeError as error:
            raise QueryValueError(f"{query.name}: arguments must be hashable, got {args!r}") from error
        if memo is None:
            memo = found[args] = Memo(query.name, args, query.fn)
            memo.home = found
        return memo

    def record(self, ran: Ran) -> None:
        self.runs[ran.name] += 1
        for log in self._logs:
            log.append(ran)

    def intern(self, stores: frozenset[Store]) -> frozenset[Store]:
        """One object per distinct set: thousands of memos share a few."""
        return self._interned.setdefault(stores, stores)

    def forget_interned(self) -> None:
        """After a sweep: the sets may name stores that are gone."""
        self._interned.clear()

    def _members(self, table: Table[K, V], bucket: tuple[str, Hashable]) -> tuple[K, ...]:
        store = self._settled(table)
        if self.stack:
            self.stack[-1].note(store.bucket_cell(bucket))
        return store.bucket_keys(bucket)

    def _settled(self, table: Table[Any, Any]) -> Store:
        store = self._store(table)
        if store in self.stale:
            settle(store)
        return store

    def _store(self, table: Table[Any, Any]) -> Store:
        store = self.stores.get(table)
        if store is None:
            source = self._settled(table.source) if isinstance(table, Collection) else None
            store = self.stores[table] = Store(self, table, source)
            if source is not None:
                self._begin(store, source)
        return store

    def _begin(self, store: Store, source: Store) -> None:
        """A collection that is read for the first time: everything is to be derived."""
        source.derived.append(store)
        if source.source is not None:
            store.upstream.add(source)
            source.downstream.add(store)
        store.pending = set(source.entries)
        self.stale.add(store)
