"""Step 2 for collections: derive the entries again whose source changed or whose reads changed, and only those.

In: a derived store with pending source keys. Out: its entries, buckets and cells as a fresh derivation would give them,
with exactly the changed facts marked.
Rule: what a collection reads is settled before it; so a value once read in a revision stays right in that revision.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from lateen.engine import fetch
from lateen.engine.errors import CycleError
from lateen.engine.events import Ran
from lateen.engine.memo import Frame, Memo, State
from lateen.engine.tables import Collection

if TYPE_CHECKING:
    from lateen.engine.database import Database
    from lateen.engine.store import Store


def settle_all(db: Database, stores: Iterable[Store]) -> None:
    """Settle those of the given stores that are stale."""
    if not db.stale:
        return
    for store in sorted((s for s in stores if s in db.stale), key=lambda s: s.table.name):
        settle(store)


def settle(store: Store) -> None:
    """Bring one collection up to date, those that it reads first.

    Raises: `CycleError` when the collection is being settled already.
    """
    db = store.db
    if store not in db.stale:
        return
    if store.settling:
        raise CycleError.at(store.table.name, store.table.name, [frame.memo for frame in db.stack])
    store.settling = True
    try:
        settle_all(db, store.upstream)
        while store.pending:
            for key in sorted(store.pending):
                derive(store, key)
                store.pending.discard(key)
        db.stale.discard(store)
    finally:
        store.settling = False


def derive(store: Store, key: Any) -> None:
    """Bring what one source entry gives up to date."""
    source = cast("Store", store.source)
    if key not in source.entries:
        forget(store, key)
        return
    value = source.entries[key]
    memo = store.memos.get(key)
    if memo is not None and memo.source is value and still_good(store.db, memo):
        return
    if memo is None:
        memo = Memo(store.table.name, (key,), cast("Collection[Any, Any]", store.table).fn)
        memo.owner = store
        store.memos[key] = memo
    replace(store, key, run(store, memo, key, value))
    if not memo.deps and not store.outputs[key]:  # so it is for most entries of a table of all kinds
        del store.memos[key], store.outputs[key]


def still_good(db: Database, memo: Memo) -> bool:
    """Whether a marked entry can stay as it is."""
    if memo.state is not State.MAYBE:
        return memo.state is State.CLEAN
    db.stack.append(Frame(memo))
    try:
        good = fetch.verify(db, memo)
    finally:
        db.stack.pop()
    if good:
        memo.state, memo.verified_at = State.CLEAN, db.revision
        adopt_upstream(memo)
    return good


def run(store: Store, memo: Memo, key: Any, value: Any) -> dict[Any, Any]:
    """Run the collection's function for one source entry."""
    db = store.db
    frame = Frame(memo)
    db.stack.append(frame)
    found: dict[Any, Any] = {}
    try:
        for own, result in memo.compute(db, key, value):
            found.setdefault(own, result)
    except Exception as error:
        if not isinstance(error, CycleError):
            error.add_note(f"while deriving {memo!r}")
        raise
    finally:
        db.stack.pop()
    db.record(Ran(memo.label, memo.key))
    fetch.relink(db, memo, frame)
    memo.source, memo.state, memo.verified_at = value, State.CLEAN, db.revision
    adopt_upstream(memo)
    return found


def adopt_upstream(memo: Memo) -> None:
    """Learn which collections this one reads, so that they settle first from now on."""
    store = cast("Store", memo.owner)
    for other in memo.upstream:
        store.upstream.add(other)
        other.downstream.add(store)


def forget(store: Store, key: Any) -> None:
    """The source entry is gone: so is what it gave."""
    replace(store, key, {})
    store.outputs.pop(key, None)
    memo = store.memos.pop(key, None)
    if memo is not None:
        memo.detach()


def replace(store: Store, key: Any, new: dict[Any, Any]) -> None:
    """Exchange what one source entry gives, and publish the keys where the result differs."""
    old = store.outputs.get(key, {})
    store.outputs[key] = new
    for own in old.keys() - new.keys():
        claims = store.claims[own]
        claims.remove(key)
        if not claims:
            del store.claims[own]
        publish(store, own)
    for own, value in new.items():
        if own not in old:
            bisect.insort(store.claims.setdefault(own, []), key)
        if own not in old or old[own] != value:
            publish(store, own)


def publish(store: Store, own: Any) -> None:
    """Make the visible entry what its smallest source key gives."""
    claims = store.claims.get(own)
    if not claims:
        if own in store.entries:
            store.drop(own)
        return
    value = store.outputs[claims[0]][own]
    if own not in store.entries or store.entries[own] != value:
        store.put(own, value)
