"""Durations read as Go reads them."""

import pytest

from lateen.resources.duration import DurationError, parse_duration, parse_nanoseconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("0s", 0),
        ("1h30m", 5400),
        ("2.5s", 2.5),
        ("100ms", 0.1),
        ("1us", 1e-6),
        ("1\u00b5s", 1e-6),
        ("1ns", 1e-9),
        (".5s", 0.5),
        ("1.s", 1),
        ("-1s", -1),
        ("+3m", 180),
        ("1h1m1s1ms", 3661.001),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    """Numbers with units, any number of them."""
    assert parse_duration(text) == pytest.approx(seconds)


def test_nanoseconds_are_exact() -> None:
    """Nothing is lost in floats."""
    assert parse_nanoseconds("9223372036.854775807s") == 2**63 - 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "write a number with a unit"),
        ("5", "no unit"),
        ("s", "number is missing"),
        ("1d", "unknown unit 'd'"),
        ("1.2.3s", "number"),
        ("1s ", "unknown unit"),
        (" 1s", "number is missing"),
        ("-", "number with a unit"),
        ("\u0663s", "number is missing"),
        ("3000000h", "too long"),
        ("1s" * 100, "number with a unit"),
    ],
)
def test_what_is_no_duration(text: str, why: str) -> None:
    """The message says why."""
    with pytest.raises(DurationError, match=why):
        parse_duration(text)
