"""Memory: forget everything that no subscription needs.

In: a database between revisions. Out: memos, cells and whole collections that no subscription reaches are dropped;
whoever asks for one later gets it computed afresh.
Rule: called by the owner of the database when it is idle (say some seconds after a stream went), never by a query.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lateen.engine.memo import Cell, Memo
from lateen.engine.tables import Collection

if TYPE_CHECKING:
    from lateen.engine.database import Database
    from lateen.engine.store import Store


def sweep(db: Database) -> int:
    """Returns the number of memos dropped, entries of collections included."""
    memos, stores = reachable([m for found in db.memos.values() for m in found.values() if m.subscriptions])
    dropped: list[Memo] = []
    for query, found in list(db.memos.items()):
        gone = [memo for memo in found.values() if memo not in memos]
        for memo in gone:
            del found[memo.key]
        dropped += gone
        if not found:
            del db.memos[query]
    for table, store in list(db.stores.items()):
        if isinstance(table, Collection) and store not in stores:
            dropped += store.memos.values()
            remove_store(db, store)
    for memo in dropped:
        memo.detach()
    for store in db.stores.values():
        store.entry_cells = {key: cell for key, cell in store.entry_cells.items() if cell.dependents}
        store.bucket_cells = {key: cell for key, cell in store.bucket_cells.items() if cell.dependents}
    db.forget_interned()
    return len(dropped)


def reachable(roots: list[Memo]) -> tuple[set[Memo], set[Store]]:
    """What the roots read, directly or through others: memos of queries, and derived stores."""
    memos: set[Memo] = set(roots)
    stores: set[Store] = set()
    todo: list[Memo | Cell] = list(roots)
    while todo:
        item = todo.pop()
        for store in item.upstream - stores:
            stores.add(store)
            todo.extend(store.memos.values())
            while (source := store.source) is not None and source.source is not None and source not in stores:
                stores.add(source)
                todo.extend(source.memos.values())
                store = source  # noqa: PLW2901  # the chain of sources is walked upward
        for dep in item.deps if isinstance(item, Memo) else ():
            if isinstance(dep, Cell):
                todo.append(dep)
            elif dep not in memos:
                memos.add(dep)
                todo.append(dep)
    return memos, stores


def remove_store(db: Database, store: Store) -> None:
    """Forget what a collection has derived."""
    del db.stores[store.table]
    db.stale.discard(store)
    if store.source is not None:
        store.source.derived.remove(store)
    for other in store.upstream:
        other.downstream.discard(store)
    for other in store.downstream:
        other.upstream.discard(store)
