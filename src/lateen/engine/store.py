"""One database's data of one table or collection: entries, index buckets, and the cells that readers depend on.

In: `put` and `drop`, from `Database.apply` and from `settle`. Out: the dependents of exactly the facts that changed are
marked, and collections derived from this store learn which of their source keys changed.
Rule: cells exist only for what somebody has read, so data that nobody looks at costs nothing but its place.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING, Any

from lateen.engine.mark import mark_dependents, mark_stale
from lateen.engine.memo import NO_STORES, Cell, Memo
from lateen.engine.tables import Collection, Table

if TYPE_CHECKING:
    from lateen.engine.database import Database

ALL: tuple[str, Hashable] = ("", None)
"""Name of the bucket that holds every key."""


class Bucket:
    """A set of keys that is read as a sorted tuple; sorted once per change."""

    __slots__ = ("_sorted", "members")

    def __init__(self) -> None:
        self.members: set[Any] = set()
        self._sorted: tuple[Any, ...] | None = None

    def change(self, key: Any, present: bool) -> None:
        (self.members.add if present else self.members.discard)(key)
        self._sorted = None

    def keys(self) -> tuple[Any, ...]:
        if self._sorted is None:
            self._sorted = tuple(sorted(self.members))
        return self._sorted


class Store:
    """See the module's docstring. `pending`, `memos`, `outputs` and `claims` are used by collections only."""

    def __init__(self, db: Database, table: Table[Any, Any], source: Store | None) -> None:
        self.db = db
        self.table = table
        self.entries: dict[Any, Any] = {}
        self.buckets: dict[tuple[str, Hashable], Bucket] = {ALL: Bucket()}
        self.entry_cells: dict[Any, Cell] = {}
        self.bucket_cells: dict[tuple[str, Hashable], Cell] = {}
        self.derived: list[Store] = []
        """Collections whose source this store is."""
        self.source = source
        self.settling = False
        self.pending: set[Any] = set()
        """Source keys to derive again."""
        self.memos: dict[Any, Memo] = {}
        """Source key -> the run of `fn` for it."""
        self.outputs: dict[Any, dict[Any, Any]] = {}
        """Source key -> what it gives."""
        self.claims: dict[Any, list[Any]] = {}
        """Own key -> the source keys that give it, smallest first."""
        self.upstream: set[Store] = set()
        """Derived stores that entries read, or are derived from; they settle first."""
        self.downstream: set[Store] = set()
        self._own = frozenset({self}) if isinstance(table, Collection) else NO_STORES

    def entry_cell(self, key: Any) -> Cell:
        cell = self.entry_cells.get(key)
        if cell is None:
            cell = self.entry_cells[key] = Cell(self._own)
        return cell

    def bucket_cell(self, bucket: tuple[str, Hashable]) -> Cell:
        cell = self.bucket_cells.get(bucket)
        if cell is None:
            cell = self.bucket_cells[bucket] = Cell(self._own)
        return cell

    def bucket_keys(self, bucket: tuple[str, Hashable]) -> tuple[Any, ...]:
        found = self.buckets.get(bucket)
        return found.keys() if found is not None else ()

    def put(self, key: Any, value: Any) -> None:
        """Store a value that differs from the present one, and mark what depends on the difference."""
        before = self._buckets_of(key)
        self.entries[key] = value
        self._rebucket(key, before, self._buckets_of(key))
        self._touch_entry(key)

    def drop(self, key: Any) -> None:
        """Remove a present entry, and mark what depends on it."""
        before = self._buckets_of(key)
        del self.entries[key]
        self._rebucket(key, before, set())
        self._touch_entry(key)

    def _buckets_of(self, key: Any) -> set[tuple[str, Hashable]]:
        if key not in self.entries:
            return set()
        value = self.entries[key]
        found = {(name, bucket) for name, index in self.table.indexes.items() for bucket in index(key, value)}
        found.add(ALL)
        return found

    def _rebucket(self, key: Any, before: set[tuple[str, Hashable]], after: set[tuple[str, Hashable]]) -> None:
        if before == after:
            return
        for bucket in before - after:
            members = self.buckets[bucket]
            members.change(key, present=False)
            if not members.members and bucket != ALL:
                del self.buckets[bucket]
        for bucket in after - before:
            self.buckets.setdefault(bucket, Bucket()).change(key, present=True)
        self._touch(cell for bucket in before ^ after if (cell := self.bucket_cells.get(bucket)) is not None)

    def _touch_entry(self, key: Any) -> None:
        cell = self.entry_cells.get(key)
        if cell is not None:
            self._touch((cell,))
        for store in self.derived:
            store.pending.add(key)
            mark_stale(store)

    def _touch(self, cells: Iterable[Cell]) -> None:
        for cell in cells:
            cell.changed_at = self.db.revision
            mark_dependents(self.db, cell)
