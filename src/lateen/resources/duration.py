"""Durations as users write them (`1h30m`, `2.5s`, `100ms`).

In: text. Out: seconds, exactly as Go's `time.ParseDuration` and protobuf's JSON form read it (the latter is a subset).
Reference: https://pkg.go.dev/time#ParseDuration and https://protobuf.dev/reference/protobuf/google.protobuf/#duration
"""

import functools
from decimal import Decimal

_NANOSECONDS = {
    "ns": Decimal(1),
    "us": Decimal(1_000),
    "\u00b5s": Decimal(1_000),  # micro sign
    "\u03bcs": Decimal(1_000),  # Greek letter mu
    "ms": Decimal(1_000_000),
    "s": Decimal(1_000_000_000),
    "m": Decimal(60_000_000_000),
    "h": Decimal(3_600_000_000_000),
}
_LONGEST = 2**63 - 1  # nanoseconds in Go's Duration, an int64
_LONGEST_TEXT = 128  # longer text is an attack, not a duration


class DurationError(ValueError):
    """The text is no duration; the message says why in words for the user."""


def _run(text: str, start: int, wanted: str) -> int:
    """Return the index after the longest run of characters of `wanted` (or of none of them, with "^" first)."""
    negated = wanted.startswith("^")
    end = start
    while end < len(text) and (text[end] in wanted) != negated:
        end += 1
    return end


@functools.lru_cache(maxsize=4096)
def parse_nanoseconds(text: str) -> int:
    """Return the whole nanoseconds of a duration; raise DurationError where Go would refuse it."""
    body = text[1:] if text[:1] in ("-", "+") else text
    if not body or len(body) > _LONGEST_TEXT:
        raise DurationError(f"{text[:40]!r} is not a duration; write a number with a unit, such as 1h, 30s or 100ms")
    total = Decimal(0)
    position = 0
    while body != "0" and position < len(body):
        after_number = _run(body, position, "0123456789.")
        after_unit = _run(body, after_number, "^0123456789.")
        number, unit = body[position:after_number], body[after_number:after_unit]
        if not number.strip(".") or number.count(".") > 1:
            raise DurationError(f"{text!r} is not a duration; a number is missing before {unit!r}")
        if unit not in _NANOSECONDS:
            what = f"unknown unit {unit!r}" if unit else "no unit"
            raise DurationError(f"{text!r} is not a duration: {what}; units are ns, us, ms, s, m and h")
        total += Decimal(number) * _NANOSECONDS[unit]
        position = after_unit
    if total > _LONGEST:
        raise DurationError(f"{text!r} is too long; the longest duration is about 292 years")
    return -int(total) if text[0] == "-" else int(total)


def parse_duration(text: str) -> float:
    """Return the seconds of a duration; raise DurationError (a ValueError) if the text is none."""
    return parse_nanoseconds(text) / 1e9
