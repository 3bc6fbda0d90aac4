"""Subscriptions and memory: who has to be asked again, and what may be forgotten."""

import pytest

from lateen.engine import Collection, Database, EngineError, Set, Table, query

NUMBERS: Table[str, int] = Table("numbers")
DOUBLES: Collection[str, int] = Collection("doubles", NUMBERS, lambda _db, key, value: [(key, 2 * value)])


@query
def double(db: Database, name: str) -> int:
    return db.get(DOUBLES, name) or 0


def test_new_subscriptions_are_dirty_and_each_is_reported_once() -> None:
    db = Database()
    a, b = db.subscribe(double, "a"), db.subscribe(double, "b")

    assert db.take_dirty() == (a, b)
    assert db.take_dirty() == ()


def test_only_what_a_change_may_affect_is_reported() -> None:
    db = Database()
    a, b = db.subscribe(double, "a"), db.subscribe(double, "b")
    assert (a.read(), b.read(), db.take_dirty()) == (0, 0, ())

    db.apply([Set(NUMBERS, "b", 4)])
    assert db.take_dirty() == (b,)
    assert b.read() == 8

    db.apply([Set(NUMBERS, "c", 4)])
    assert db.take_dirty() == ()


def test_two_subscriptions_of_one_query_share_its_value() -> None:
    db = Database()
    a, again = db.subscribe(double, "a"), db.subscribe(double, "a")
    with db.recording() as log:
        assert a.read() == again.read()
    assert len(log) == 1

    db.apply([Set(NUMBERS, "a", 1)])
    assert db.take_dirty() == (a, again)


def test_a_closed_subscription_is_not_reported() -> None:
    db = Database()
    a = db.subscribe(double, "a")
    a.read()
    db.apply([Set(NUMBERS, "a", 1)])
    a.close()
    a.close()

    assert db.take_dirty() == ()


def test_closing_the_last_subscription_forgets_the_value_but_not_what_it_was_made_of() -> None:
    @query
    def shown(db: Database, name: str) -> str:
        return str(double(db, name))

    db = Database()
    one, two = db.subscribe(shown, "a"), db.subscribe(shown, "a")
    one.read()
    one.close()
    assert db.remembered == 2
    two.close()
    assert db.remembered == 1
    with db.recording() as log:
        assert shown(db, "a") == "0"
    assert log.names() == {"shown"}


def test_a_closed_subscription_cannot_be_read() -> None:
    subscription = Database().subscribe(double, "a")
    subscription.close()
    with pytest.raises(EngineError, match="is closed"):
        subscription.read()


def test_sweep_keeps_what_subscriptions_need() -> None:
    db = Database()
    db.apply([Set(NUMBERS, "a", 1), Set(NUMBERS, "b", 2)])
    a = db.subscribe(double, "a")
    assert (a.read(), double(db, "b")) == (2, 4)

    assert db.sweep() == 1
    with db.recording() as log:
        a.read()
    assert log == []
    db.apply([Set(NUMBERS, "a", 5)])
    assert [s.read() for s in db.take_dirty()] == [10]


def test_sweep_without_subscriptions_forgets_everything_and_answers_stay_right() -> None:
    db = Database()
    db.apply([Set(NUMBERS, "a", 1)])
    assert double(db, "a") == 2

    assert db.sweep() == 2
    assert list(db.stores) == [NUMBERS]
    db.apply([Set(NUMBERS, "a", 3)])
    assert double(db, "a") == 6
