"""Whole numbers in texts."""

import pytest

from lateen.resources.numbers import digits


@pytest.mark.parametrize(
    ("text", "number"), [("0", 0), ("080", 80), ("", None), ("-1", None), ("1 ", None), ("0x1", None)]
)
def test_only_digits_are_a_number(text: str, number: int | None) -> None:
    assert digits(text) == number


@pytest.mark.parametrize("text", ["²", "٣", "1_0", "+1", "9" * 5000])
def test_58_what_python_takes_for_digits_is_not_enough(text: str) -> None:
    assert digits(text) is None
