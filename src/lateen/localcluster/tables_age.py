"""Durations as kubectl words them: `45s`, `3m20s`, `5h`, `2d3h`, `400d`.

In: a time stamp and the present. Out: text, `<unknown>` without a time stamp.
"""

from __future__ import annotations

from datetime import datetime

UNKNOWN = "<unknown>"


def seconds_of(stamp: object) -> float | None:
    """The Unix time of an RFC 3339 time stamp, or None."""
    if not isinstance(stamp, str):
        return None
    try:
        return datetime.fromisoformat(stamp).timestamp()
    except ValueError:
        return None


def age(stamp: object, now: float) -> str:
    """How long ago a time stamp was."""
    seconds = seconds_of(stamp)
    return UNKNOWN if seconds is None else human(now - seconds)


def human(duration: float) -> str:
    """A duration in at most two units, the way kubectl rounds it."""
    seconds = int(duration)
    if seconds < -1:
        return "<invalid>"
    seconds = max(seconds, 0)
    minutes, hours = seconds // 60, seconds // 3600
    days, years = hours // 24, hours // 24 // 365
    if seconds < 120:
        return f"{seconds}s"
    if minutes < 10:
        return _two(minutes, "m", seconds % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if hours < 192:
        return _two(days, "d", hours % 24, "h")
    if years < 2:
        return f"{days}d"
    if years < 8:
        return _two(years, "y", days % 365, "d")
    return f"{years}y"


def _two(major: int, major_unit: str, minor: int, minor_unit: str) -> str:
    return f"{major}{major_unit}{minor}{minor_unit}" if minor else f"{major}{major_unit}"
