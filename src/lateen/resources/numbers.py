"""Numbers inside texts that people and proxies choose: ports in names, status codes in lists.

In: a text. Out: the number, or None. The rule: ASCII digits only (`²` is a digit to Python, and int() fails on it), and
few enough of them that reading costs nothing.
"""

MAX_DIGITS = 18


def digits(text: str) -> int | None:
    """The whole number that a text is made of, or None."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS else None
