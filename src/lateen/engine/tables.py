"""Definitions: input tables, keyed collections derived from them, and the changes that a batch consists of.

In: names and pure functions, at import time of the modules that own the data. Out: frozen definitions; they hold no
data (a `Database` does), so one definition serves any number of databases.
Rule: keys are hashable and sortable among themselves; values are frozen and comparable.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from lateen.engine.database import Database

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

Index = Callable[[Any, Any], Iterable[Hashable]]
"""From an entry's key and value to the buckets that it is in."""


class Table(Generic[K, V]):
    """A table of inputs, changed only by `Database.apply`."""

    def __init__(self, name: str, *, indexes: Mapping[str, Index] | None = None) -> None:
        self.name = name
        self.indexes: dict[str, Index] = dict(indexes or {})

    def __repr__(self) -> str:
        return self.name


class Collection(Table[K, V]):
    """A table derived entry by entry: `fn(db, key, value)` yields the `(key, value)` pairs that one source entry gives.

    `fn` is pure and may read anything else through `db`. When two source entries give the same key, the smallest source
    key wins; when one entry gives a key twice, the first wins. Reading itself, even indirectly, is a `CycleError`.
    """

    def __init__(
        self,
        name: str,
        source: Table[Any, Any],
        fn: Callable[[Database, Any, Any], Iterable[tuple[K, V]]],
        *,
        indexes: Mapping[str, Index] | None = None,
    ) -> None:
        super().__init__(name, indexes=indexes)
        self.source = source
        self.fn = fn


@dataclass(frozen=True, slots=True)
class Set(Generic[K, V]):
    """Put a value; equal to the present one, it is no change."""

    table: Table[K, V]
    key: K
    value: V


@dataclass(frozen=True, slots=True)
class Remove(Generic[K, V]):
    """Take an entry away; absent, it is no change."""

    table: Table[K, V]
    key: K


Change = Set[Any, Any] | Remove[Any, Any]
