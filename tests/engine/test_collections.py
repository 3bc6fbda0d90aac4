"""Keyed collections: derived entry by entry, read like tables."""

from collections.abc import Iterable

import pytest

from lateen.engine import Collection, CycleError, Database, Remove, Set, Table, query

WORDS: Table[int, str] = Table("words")
FACTOR: Table[str, int] = Table("factor")


def by_word(db: Database, key: int, word: str) -> Iterable[tuple[str, int]]:
    """Each word of a line, with the line's number times a factor that some words have."""
    for part in word.split():
        yield part, key * (db.get(FACTOR, part) or 1)


POSITIONS: Collection[str, int] = Collection(
    "positions", WORDS, by_word, indexes={"initial": lambda key, _value: [key[0]]}
)
LENGTHS: Collection[str, int] = Collection("lengths", POSITIONS, lambda _db, key, _value: [(key, len(key))])


@query
def words_with(db: Database, initial: str) -> tuple[tuple[str, int | None], ...]:
    return tuple((word, db.get(POSITIONS, word)) for word in db.lookup(POSITIONS, "initial", initial))


def lines(*texts: str) -> Database:
    db = Database()
    db.apply(Set(WORDS, i, text) for i, text in enumerate(texts, 1))
    return db


def test_reads_like_a_table() -> None:
    db = lines("red blue", "black")

    assert db.keys(POSITIONS) == ("black", "blue", "red")
    assert db.lookup(POSITIONS, "initial", "b") == ("black", "blue")
    assert (db.get(POSITIONS, "black"), db.get(POSITIONS, "pink")) == (2, None)


def test_only_the_changed_source_entry_is_derived_again() -> None:
    db = lines("red blue", "black")
    words_with(db, "b")
    db.apply([Set(WORDS, 2, "brown")])
    with db.recording() as log:
        assert words_with(db, "b") == (("blue", 1), ("brown", 2))

    assert log.runs_of("positions") == [(2,)]


def test_readers_of_other_entries_do_not_run() -> None:
    db = lines("red", "black")
    words_with(db, "r")
    db.apply([Set(WORDS, 2, "brown")])
    with db.recording() as log:
        words_with(db, "r")

    assert log.names() == {"positions"}


def test_what_an_entry_reads_makes_it_run_again() -> None:
    db = lines("red blue", "black")
    words_with(db, "b")
    db.apply([Set(FACTOR, "black", 10)])
    with db.recording() as log:
        assert words_with(db, "b") == (("black", 20), ("blue", 1))

    assert log.runs_of("positions") == [(2,)]


def test_the_smallest_source_key_wins_and_the_next_follows() -> None:
    db = lines("tea", "tea", "tea")
    assert db.get(POSITIONS, "tea") == 1
    db.apply([Set(WORDS, 1, "milk")])
    assert db.get(POSITIONS, "tea") == 2
    db.apply([Remove(WORDS, 2), Remove(WORDS, 3)])
    assert db.get(POSITIONS, "tea") is None


def test_one_entry_that_gives_a_key_twice_gives_the_first() -> None:
    pairs: Collection[str, str] = Collection("pairs", WORDS, lambda _db, _key, text: [("x", text[0]), ("x", text[1])])
    assert lines("ab").get(pairs, "x") == "a"


def test_a_chain_passes_on_only_what_differs() -> None:
    db = lines("red blue", "black")
    assert db.keys(LENGTHS) == ("black", "blue", "red")
    db.apply([Set(WORDS, 1, "red green")])
    with db.recording() as log:
        assert db.keys(LENGTHS) == ("black", "green", "red")

    assert log.runs_of("lengths") == [("green",)]


def test_nothing_is_derived_before_somebody_asks() -> None:
    db = lines("red")
    with db.recording() as log:
        db.apply([Set(WORDS, 1, "blue")])
        assert log == []
        db.keys(POSITIONS)
        db.apply([Set(WORDS, 1, "green")])
    assert len(log) == 1


def test_what_a_collection_reads_is_settled_first() -> None:
    """Two collections over one table; the second reads the first through a query that was remembered before."""

    @query
    def position(db: Database, word: str) -> int:
        return db.get(POSITIONS, word) or 0

    def fn(db: Database, key: int, text: str) -> Iterable[tuple[int, tuple[int, ...]]]:
        yield key, tuple(position(db, word) for word in text.split())

    seen: Collection[int, tuple[int, ...]] = Collection("a-seen", WORDS, fn)
    db = lines("red", "blue")
    assert (position(db, "blue"), db.get(seen, 2)) == (2, (2,))
    db.apply([Set(WORDS, 1, "red blue")])

    assert db.get(seen, 2) == (1,)


def test_a_collection_that_reads_itself_is_a_circle() -> None:
    def fn(db: Database, key: int, text: str) -> Iterable[tuple[int, int]]:
        yield key, size(db)

    itself: Collection[int, int] = Collection("itself", WORDS, fn)

    @query
    def size(db: Database) -> int:
        return len(db.keys(itself))

    with pytest.raises(CycleError, match=r"itself\(1\) -> size\(\) -> itself"):
        lines("a").keys(itself)


def test_an_error_in_one_entry_passes_with_its_key_and_is_tried_again() -> None:
    inverse: Collection[int, float] = Collection("inverse", FACTOR, lambda _db, key, value: [(key, 1 / value)])
    db = Database()
    db.apply([Set(FACTOR, "a", 0), Set(FACTOR, "b", 2)])
    with pytest.raises(ZeroDivisionError) as caught:
        db.keys(inverse)
    assert caught.value.__notes__ == ["while deriving inverse('a')"]
    db.apply([Set(FACTOR, "a", 4)])
    assert [db.get(inverse, key) for key in ("a", "b")] == [0.25, 0.5]
