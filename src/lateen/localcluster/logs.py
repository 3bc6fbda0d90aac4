"""Container logs in the form of the container runtime interface: `<time> <stream> F|P <text>`.

In: bytes as a container wrote them, the time. Out: lines of the log file; and from such lines what `kubectl logs`
prints. Rules kept: a control character that could forge another line (line feed, carriage return) never leaves its
line; a line longer than 16 KiB is split into parts marked P; bytes that are no UTF-8 pass through unchanged.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

__all__ = ["Selection", "entries", "parse_entry", "read_time", "select", "stamp"]

LONGEST = 16 * 1024


class Entry(msgspec.Struct, frozen=True):
    """A line of a log file: `time` in RFC 3339 with nanoseconds."""

    time: bytes
    stream: bytes
    full: bool
    text: bytes


class Selection(msgspec.Struct, frozen=True):
    """What a reader wants: `since` in seconds since 1970, `tail` lines from the end (-1 = all), `limit` bytes (-1 =
    no limit).
    """

    timestamps: bool = False
    since: float = 0.0
    tail: int = -1
    limit: int = -1


def stamp(seconds: float) -> bytes:
    """RFC 3339 with nine digits."""
    whole = int(seconds)
    date = datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{date}.{int((seconds - whole) * 1e9):09d}Z".encode()


def entries(data: bytes, stream: str, seconds: float, *, final: bool) -> tuple[bytes, bytes]:
    """(lines for the file, rest that has no line feed yet). `final`: the writer ended, the rest is a line too."""
    head = stamp(seconds) + b" " + stream.encode() + b" "
    out: list[bytes] = []
    *lines, rest = data.split(b"\n")
    if final and rest:
        lines, rest = [*lines, rest], b""
    for line in lines:
        while len(line) > LONGEST:
            out.append(head + b"P " + line[:LONGEST].replace(b"\r", b"\\r") + b"\n")
            line = line[LONGEST:]  # noqa: PLW2901 - the line shrinks
        out.append(head + b"F " + _one_line(line) + b"\n")
    while len(rest) > LONGEST:
        out.append(head + b"P " + rest[:LONGEST].replace(b"\r", b"\\r") + b"\n")
        rest = rest[LONGEST:]
    return b"".join(out), rest


def _one_line(line: bytes) -> bytes:
    """A trailing carriage return belongs to the line's end and stays; one inside would let text overwrite what stands
    there.
    """
    body = line[:-1] if line.endswith(b"\r") else line
    return body.replace(b"\r", b"\\r") + line[len(body) :]


def parse_entry(line: bytes) -> Entry | None:
    """One line of a log file without its line feed; None if it is not one."""
    parts = line.split(b" ", 3)
    if len(parts) != 4:
        return None
    return Entry(parts[0], parts[1], parts[2] == b"F", parts[3])


def read_time(text: bytes) -> float:
    """The seconds of an entry's time; 0 if it cannot be read."""
    try:
        whole = datetime.strptime(text[:19].decode(), "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC).timestamp()
        return whole + float(b"0" + text[19:].rstrip(b"Z"))
    except ValueError:
        return 0.0


def select(lines: Iterable[bytes], wanted: Selection) -> list[bytes]:
    """What to print for the lines of a log file (without line feeds)."""
    found = [entry for entry in map(parse_entry, lines) if entry is not None]
    if wanted.since:
        found = [entry for entry in found if read_time(entry.time) >= wanted.since]
    if wanted.tail >= 0:
        found = _last(found, wanted.tail)
    return [render(entry, timestamps=wanted.timestamps) for entry in found]


def render(entry: Entry, *, timestamps: bool) -> bytes:
    """An entry as `kubectl logs` prints it."""
    end = b"\n" if entry.full else b""
    return (entry.time + b" " if timestamps else b"") + entry.text + end


def _last(found: list[Entry], count: int) -> list[Entry]:
    """The last `count` full lines with their parts."""
    seen = 0
    for position in range(len(found) - 1, -1, -1):
        if found[position].full:
            seen += 1
            if seen > count:
                return found[position + 1 :]
    return found if count else []
