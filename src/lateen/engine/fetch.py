"""Step 2, when somebody asks: the remembered value, if it is good; else check what it read; else compute.

In: a memo. Out: the memo, with a value that is right for the present revision.
Rule: an equal result keeps its old value object and its old `changed_at`, so the change stops spreading there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lateen.engine.errors import CycleError, QueryValueError
from lateen.engine.events import Ran
from lateen.engine.memo import NO_STORES, Frame, Memo, State
from lateen.engine.settle import settle_all

if TYPE_CHECKING:
    from lateen.engine.database import Database

MUTABLE = (list, dict, set, bytearray)


def fetch(db: Database, memo: Memo) -> Any:
    """The memo's value, for a reader outside or for the query that runs now (which then depends on it)."""
    if memo.state is not State.CLEAN or (db.stale and not memo.upstream.isdisjoint(db.stale)):
        refresh(db, memo)
    if db.stack:
        db.stack[-1].note(memo)
    return memo.value


def refresh(db: Database, memo: Memo) -> None:
    """Bring the memo up to date.

    Raises: `CycleError` when the memo is being computed already; whatever the computation raises, with its path added.
    """
    if memo.state is State.RUNNING:
        raise CycleError.at(memo.label, repr(memo), [frame.memo for frame in db.stack])
    settle_all(db, memo.upstream)
    if memo.state is State.CLEAN:
        return
    before = memo.state
    after: State = before
    memo.state = State.RUNNING
    db.stack.append(Frame(memo))
    try:
        if before is State.NEW or not verify(db, memo):
            execute(db, memo, first=before is State.NEW)
        memo.verified_at = db.revision
        after = State.CLEAN
    except Exception as error:
        if not isinstance(error, CycleError):
            error.add_note(f"while computing {memo!r}")
        raise
    finally:
        memo.state = after
        db.stack.pop()


def verify(db: Database, memo: Memo) -> bool:
    """Whether nothing that the memo read has changed; checked in the order of reading, so nothing runs in vain."""
    upstream = NO_STORES
    for dep in memo.deps:
        if isinstance(dep, Memo) and (dep.state is not State.CLEAN or db.stale):
            refresh(db, dep)
        elif dep.upstream and not dep.upstream.isdisjoint(db.stale):
            settle_all(db, dep.upstream)
        if dep.changed_at > memo.verified_at:
            return False
        upstream |= dep.upstream
    memo.upstream = db.intern(upstream)
    return True


def execute(db: Database, memo: Memo, first: bool) -> None:
    """Run the computation, and replace the value (if it differs) and the edges."""
    frame = db.stack[-1]
    value = memo.compute(db, *memo.key)
    if isinstance(value, MUTABLE):
        raise QueryValueError(f"{memo!r} returned a {type(value).__name__}; return a tuple, frozenset or frozen struct")
    db.record(Ran(memo.label, memo.key))
    if first or memo.value != value:
        memo.value = value
        memo.changed_at = db.revision
    relink(db, memo, frame)


def relink(db: Database, memo: Memo, frame: Frame) -> None:
    """Make the frame's reads the memo's dependencies."""
    for dep in memo.deps:
        if dep not in frame.deps:
            dep.dependents.discard(memo)
    for dep in frame.deps:
        dep.dependents.add(memo)
    memo.deps = tuple(frame.deps)
    memo.upstream = db.intern(frame.upstream)
