"""Property: after any sequence of edits and questions, the engine answers as a fresh one with the same inputs would."""

from collections.abc import Callable, Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from lateen.engine import Collection, Database, Remove, Set, Table, query

A: Table[int, int] = Table("a", indexes={"mod": lambda _key, value: [value % 3]})
B: Table[int, int] = Table("b")


@query
def weight(db: Database, key: int) -> int:
    return min(2, (db.get(A, key) or 0) + (db.get(B, key) or 0))


def spread(db: Database, key: int, value: int) -> Iterable[tuple[int, int]]:
    """Two keys per entry, which collide among entries; reads a query and, for some, another collection."""
    yield value % 4, weight(db, key) * 10 + key
    if key % 2:
        yield key % 3, len(db.lookup(HALVES, "value", value // 2))


HALVES: Collection[int, int] = Collection(
    "halves", B, lambda _db, key, value: [(key, value // 2)], indexes={"value": lambda _key, value: [value]}
)
SPREAD: Collection[int, int] = Collection("spread", A, spread, indexes={"mod": lambda _key, value: [value % 3]})
ABOVE: Collection[int, int] = Collection(
    "above", SPREAD, lambda db, key, value: [(key, value)] if value > summary(db) else []
)


@query
def summary(db: Database) -> int:
    return sum(weight(db, key) for key in db.lookup(A, "mod", 1))


@query
def picture(db: Database, bucket: int) -> tuple[object, ...]:
    keys = db.lookup(SPREAD, "mod", bucket)
    return (keys, tuple(db.get(SPREAD, key) for key in keys), db.get(ABOVE, bucket), summary(db) > 3)


@query
def everything(db: Database) -> tuple[object, ...]:
    return (db.keys(ABOVE), tuple(picture(db, bucket) for bucket in range(3)), db.keys(HALVES))


QUESTIONS: list[Callable[[Database], object]] = [
    everything,
    lambda db: picture(db, 1),
    lambda db: db.keys(ABOVE),
    summary,
]

small = st.integers(0, 5)
table = st.sampled_from([A, B])
change = st.builds(Set, table, small, small) | st.builds(Remove, table, small)
step = st.lists(change, max_size=3) | st.sampled_from(["ask0", "ask1", "ask2", "ask3", "sweep", "dirty", "anew"])


@settings(max_examples=400, deadline=None)
@given(st.lists(step, max_size=12))
def test_incremental_equals_fresh(steps: list[list[Set[int, int] | Remove[int, int]] | str]) -> None:
    db = Database()
    inputs: dict[tuple[Table[int, int], int], int] = {}
    subscription = db.subscribe(everything)
    last = subscription.read()
    for todo in steps:
        if todo == "sweep":
            db.sweep()
        elif todo == "dirty":
            for dirty in db.take_dirty():
                last = dirty.read()
            assert last == everything(fresh(inputs)), "a change was not reported"
        elif todo == "anew":
            subscription.close()
            subscription = db.subscribe(everything)
            last = subscription.read()
        elif isinstance(todo, str):
            question = QUESTIONS[int(todo[-1])]
            assert question(db) == question(fresh(inputs))
            if todo == "ask0":
                last = everything(db)
        else:
            db.apply(todo)
            for one in todo:
                if isinstance(one, Set):
                    inputs[one.table, one.key] = one.value
                else:
                    inputs.pop((one.table, one.key), None)

    assert everything(db) == everything(fresh(inputs))


def fresh(inputs: dict[tuple[Table[int, int], int], int]) -> Database:
    db = Database()
    db.apply(Set(table, key, value) for (table, key), value in inputs.items())
    return db
