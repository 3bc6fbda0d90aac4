"""Parts of what clients send, where no schema has looked before: numbers in queries, objects in bodies.

In: a text or a decoded body. Out: the number or the object. The rule: whatever else is there is an `ApiError` 400 that
names the field, never an error of the code that reads it.
"""

from __future__ import annotations

from typing import Any

from lateen.localcluster.errors import bad_request

JSON = dict[str, Any]
MAX_DIGITS = 18
"""More than any revision, size or time in seconds has; all of them fit 64 bits."""


def number(text: str) -> int | None:
    """A whole number in ASCII digits; None for anything else (`²` is a digit to Python, and no number)."""
    if not (text.isascii() and text.isdigit()) or len(text) > MAX_DIGITS:
        return None
    return int(text)


def number_of(text: str, name: str) -> int:
    """The number in a query parameter. Raises `ApiError` 400."""
    found = number(text)
    if found is None:
        raise bad_request(f'{name}: Invalid value: "{text[:80]}": it must be a number')
    return found


def object_of(body: JSON, key: str, where: str) -> JSON:
    """The object under a key of `where`, {} if there is none. Raises `ApiError` 400 if it is something else."""
    value = body.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise bad_request(f"{where}.{key} must be an object")
    return value
