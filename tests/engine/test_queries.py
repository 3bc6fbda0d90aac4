"""Queries: what runs again after a change, and what does not."""

import pytest

from lateen.engine import Collection, CycleError, Database, EngineError, QueryValueError, Remove, Set, Table, query

PRICES: Table[str, int] = Table("prices", indexes={"parity": lambda _key, value: [value % 2]})


@query
def price(db: Database, name: str) -> int:
    return db.get(PRICES, name) or 0


@query
def is_dear(db: Database, name: str) -> bool:
    return price(db, name) > 100


@query
def label(db: Database, name: str) -> str:
    return f"{name}{'!' if is_dear(db, name) else ''}"


@query
def odd_names(db: Database) -> tuple[str, ...]:
    return db.lookup(PRICES, "parity", 1)


@query
def total(db: Database) -> int:
    return sum(price(db, name) for name in db.keys(PRICES))


def prices(**entries: int) -> Database:
    db = Database()
    db.apply(Set(PRICES, name, value) for name, value in entries.items())
    return db


def test_asking_twice_runs_once() -> None:
    db = prices(tea=3)
    with db.recording() as log:
        assert [label(db, "tea"), label(db, "tea")] == ["tea", "tea"]

    assert log.counts() == {"price": 1, "is_dear": 1, "label": 1}


def test_an_equal_result_stops_the_spread() -> None:
    db = prices(tea=3)
    label(db, "tea")
    db.apply([Set(PRICES, "tea", 4)])
    with db.recording() as log:
        label(db, "tea")

    assert [ran.name for ran in log] == ["price", "is_dear"]


def test_an_equal_result_keeps_the_old_object() -> None:
    db = prices(tea=3, milk=4)
    before = odd_names(db)
    db.apply([Set(PRICES, "tea", 5), Set(PRICES, "milk", 6)])

    assert odd_names(db) is before


def test_another_entry_is_irrelevant() -> None:
    db = prices(tea=3, milk=4)
    label(db, "tea")
    db.apply([Set(PRICES, "milk", 5)])
    with db.recording() as log:
        label(db, "tea")

    assert log == []


def test_a_bucket_depends_on_membership_only() -> None:
    db = prices(tea=3, milk=4)
    assert odd_names(db) == ("tea",)
    db.apply([Set(PRICES, "tea", 7)])
    with db.recording() as log:
        odd_names(db)
    assert log == []

    db.apply([Set(PRICES, "milk", 9)])
    assert odd_names(db) == ("milk", "tea")


def test_an_absent_entry_is_a_dependency_too() -> None:
    db = prices()
    assert (label(db, "tea"), total(db)) == ("tea", 0)
    db.apply([Set(PRICES, "tea", 101)])
    assert (label(db, "tea"), total(db)) == ("tea!", 101)
    db.apply([Remove(PRICES, "tea")])
    assert (label(db, "tea"), total(db)) == ("tea", 0)


def test_setting_an_equal_value_is_no_revision() -> None:
    db = prices(tea=3)
    revision = db.revision

    assert not db.apply([Set(PRICES, "tea", 3), Remove(PRICES, "milk")])
    assert db.revision == revision


def test_of_two_changes_to_one_entry_in_a_batch_the_last_counts() -> None:
    db = prices(tea=3)
    assert not db.apply([Set(PRICES, "tea", 8), Set(PRICES, "tea", 3)])


def test_dependencies_are_those_of_the_last_run() -> None:
    @query
    def either(db: Database) -> int:
        return price(db, "tea") if price(db, "which") else price(db, "milk")

    db = prices(which=1, tea=3, milk=4)
    assert either(db) == 3
    db.apply([Set(PRICES, "which", 0)])
    assert either(db) == 4
    db.apply([Set(PRICES, "tea", 30)])
    with db.recording() as log:
        assert either(db) == 4
    assert log == []


@query
def chicken(db: Database, n: int) -> int:
    return egg(db, n)


@query
def egg(db: Database, n: int) -> int:
    return chicken(db, n)


def test_a_circle_is_an_error_that_prints_its_path() -> None:
    with pytest.raises(CycleError, match=r"chicken\(1\) -> egg\(1\) -> chicken\(1\)"):
        chicken(prices(), 1)


def test_an_error_in_a_query_names_the_path_and_leaves_the_rest_intact() -> None:
    @query
    def inverse(db: Database, name: str) -> float:
        return 1 / price(db, name)

    @query
    def shown(db: Database, name: str) -> str:
        return f"{inverse(db, name):.2f}"

    db = prices(tea=4)
    assert shown(db, "tea") == "0.25"
    db.apply([Set(PRICES, "tea", 0)])
    for _ in range(2):
        with pytest.raises(ZeroDivisionError) as caught:
            shown(db, "tea")
        assert caught.value.__notes__ == ["while computing inverse('tea')", "while computing shown('tea')"]
    db.apply([Set(PRICES, "tea", 5)])
    assert shown(db, "tea") == "0.20"


def test_results_that_can_change_later_are_refused() -> None:
    @query
    def names(db: Database) -> list[str]:
        return ["tea"]

    with pytest.raises(QueryValueError, match=r"names\(\) returned a list; return a tuple"):
        names(prices())


def test_arguments_are_hashable_and_positional() -> None:
    with pytest.raises(QueryValueError, match="arguments must be hashable"):
        price(prices(), ["tea"])  # type: ignore[arg-type]
    with pytest.raises(QueryValueError, match="pass name by position"):
        price(prices(), name="tea")


def test_a_query_only_reads() -> None:
    @query
    def writes(db: Database) -> bool:
        return db.apply([Set(PRICES, "tea", 1)])

    with pytest.raises(EngineError, match=r"apply\(\) inside writes\(\)"):
        writes(prices())


def test_an_unknown_index_is_named() -> None:
    with pytest.raises(EngineError, match="prices has no index 'size'; it has \\['parity'\\]"):
        prices().lookup(PRICES, "size", 1)


def test_a_collection_is_not_an_input() -> None:
    copy: Collection[str, int] = Collection("copy", PRICES, lambda _db, key, value: [(key, value)])
    with pytest.raises(EngineError, match="copy is derived; change its source prices"):
        prices().apply([Set(copy, "tea", 1)])
