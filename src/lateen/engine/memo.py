"""What the engine remembers: cells of input data, memos of computed values, and the edges between them.

In: nothing. Out: the records that the other files of this package work on.
Rule: a memo that may be out of date has only dependents that may be out of date; so marking can stop at the first
memo that is marked already, and a change costs what it affects.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lateen.engine.store import Store
    from lateen.engine.subscription import Subscription

NO_STORES: frozenset[Store] = frozenset()


class State(enum.Enum):
    """Where a memo is in its life."""

    NEW = "never computed"
    CLEAN = "as good as computed now"
    MAYBE = "something that it read may have changed"
    RUNNING = "being checked or computed"


class Cell:
    """One readable fact of a table or collection: an entry, the members of a bucket, or all keys."""

    __slots__ = ("changed_at", "dependents", "upstream")

    def __init__(self, upstream: frozenset[Store]) -> None:
        self.dependents: set[Memo] = set()
        self.changed_at = 0
        self.upstream = upstream
        """The derived store this cell belongs to (it must be settled before the cell is read); empty for inputs."""


class Memo:
    """A value computed by `compute`, with what it read, in the order of reading."""

    __slots__ = (
        "changed_at", "compute", "dependents", "deps", "home", "key", "label", "owner", "source",
        "state", "subscriptions", "upstream", "value", "verified_at",
    )  # fmt: skip

    def __init__(self, label: str, key: tuple[Hashable, ...], compute: Callable[..., Any]) -> None:
        self.label = label
        self.key = key
        self.compute = compute
        self.state = State.NEW
        self.value: Any = None
        self.deps: tuple[Cell | Memo, ...] = ()
        self.dependents: set[Memo] = set()
        self.changed_at = 0
        self.verified_at = 0
        self.upstream: frozenset[Store] = NO_STORES
        """Derived stores read by this memo or by the memos it read."""
        self.home: dict[tuple[Hashable, ...], Memo] | None = None
        """For a call of a query: where the database keeps the calls of that query."""
        self.owner: Store | None = None
        """For an entry of a collection: its store, which has to derive that entry again when this is marked."""
        self.source: Any = None
        """For an entry of a collection: the source's value that it was derived from."""
        self.subscriptions: list[Subscription] = []

    def detach(self) -> None:
        """Give up what was read: nothing marks this memo any more."""
        for dep in self.deps:
            dep.dependents.discard(self)
        self.deps = ()

    def __repr__(self) -> str:
        return f"{self.label}({', '.join(map(repr, self.key))})"


class Frame:
    """What the memo that runs now has read so far."""

    __slots__ = ("deps", "memo", "upstream")

    def __init__(self, memo: Memo) -> None:
        self.memo = memo
        self.deps: dict[Cell | Memo, None] = {}
        self.upstream: frozenset[Store] = NO_STORES

    def note(self, dep: Cell | Memo) -> None:
        self.deps[dep] = None
        if not dep.upstream <= self.upstream:
            self.upstream |= dep.upstream
