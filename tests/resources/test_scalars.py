"""What unquoted YAML means: the table of kubectl's conventions."""

import pytest

from lateen.resources.scalars import ScalarError, plain

TABLE = [
    # booleans of YAML 1.1, in the three spellings that count
    ("y", True), ("Y", True), ("yes", True), ("Yes", True), ("YES", True), ("true", True), ("True", True),
    ("TRUE", True), ("on", True), ("On", True), ("ON", True), ("n", False), ("N", False), ("no", False),
    ("No", False), ("NO", False), ("false", False), ("off", False), ("Off", False), ("OFF", False),
    ("yEs", "yEs"), ("tRUE", "tRUE"), ("nope", "nope"), ("yes ", "yes "),
    # nothing
    ("", None), ("~", None), ("null", None), ("Null", None), ("NULL", None), ("nULL", "nULL"),
    # whole numbers
    ("0", 0), ("15", 15), ("-3", -3), ("+1", 1), ("1_000", 1000), ("0777", 511), ("0o17", 15), ("0O17", 15),
    ("0x1F", 31), ("-0x1f", -31), ("0b101", 5), ("0x", "0x"), ("0o9", "0o9"), ("089", 89), ("1__0", 10),
    ("9223372036854775807", 2**63 - 1), ("18446744073709551615", 2**64 - 1), ("-9223372036854775808", -(2**63)),
    ("18446744073709551616", 18446744073709551616), ("1000000000000000000000", 1e21),
    ("0xffffffffffffffffff", "0xffffffffffffffffff"),
    # other numbers: whole ones become whole, as on their way through JSON
    ("1e3", 1000), ("1.0", 1), ("1.5", 1.5), (".5", 0.5), ("5.", 5), ("1e21", 1e21), ("-2.5e-3", -0.0025),
    ("1e400", "1e400"),
    # what looks like a number and is none
    ("1:30", "1:30"), ("1.2.3", "1.2.3"), ("-", "-"), ("+", "+"), (".", "."), ("1m", "1m"), ("0.5s", "0.5s"),
    ("2020-01-01", "2020-01-01"), ("2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z"), ("10.0.0.1", "10.0.0.1"),
    ("_1", "_1"), ("._5", "._5"), ("1e", "1e"), ("\u0663", "\u0663"), ("1" * 500, "1" * 500),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), TABLE, ids=[text[:30] or "empty" for text, _ in TABLE])
def test_plain_scalar(text: str, value: object) -> None:
    """A plain scalar has the value and the type that kubectl gives it."""
    found = plain(text)

    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("text", [".nan", ".NaN", ".inf", "-.INF", "+.Inf"])
def test_numbers_that_json_lacks_are_refused(text: str) -> None:
    """Infinities and NaN cannot be in a manifest."""
    with pytest.raises(ScalarError, match="cannot be written in JSON"):
        plain(text)
