"""Step 1 of a change: mark what may be affected, and compute nothing.

In: a cell that changed. Out: memos that may be out of date are marked, subscriptions among them are noted as dirty,
and collections whose entries are among them are noted as stale.
Rule: marking stops at what is marked already; a change that nobody reads costs a few dictionary look-ups.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lateen.engine.memo import Cell, Memo, State

if TYPE_CHECKING:
    from lateen.engine.database import Database
    from lateen.engine.store import Store


def mark_dependents(db: Database, cell: Cell) -> None:
    """Mark every memo that depends on this cell, directly or through others."""
    todo: list[Memo] = list(cell.dependents)
    while todo:
        memo = todo.pop()
        if memo.state is not State.CLEAN:
            continue
        memo.state = State.MAYBE
        if memo.owner is not None:
            memo.owner.pending.add(memo.key[0])
            mark_stale(memo.owner)
        for subscription in memo.subscriptions:
            db.dirty[subscription] = None
        todo.extend(memo.dependents)


def mark_stale(store: Store) -> None:
    """Note that a collection, and those that read it, must be settled before they are read."""
    todo = [store]
    while todo:
        found = todo.pop()
        if found not in found.db.stale:
            found.db.stale.add(found)
            todo.extend(found.downstream)
