"""Reading logs for `kubectl logs`: from the beginning, the end, a time, or for as long as more comes.

In: a container's log files and what the reader wants. Out: chunks of bytes. Rule: memory stays bounded: files are
read in pieces, and only
`--tail` keeps lines, at most as many as were asked for.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec

from lateen.adapters.node.logfiles import LogFollower, log_file
from lateen.localcluster.logs import Selection, select

__all__ = ["LogRequest", "read_log"]


class LogRequest(msgspec.Struct, frozen=True):
    """Which log and how."""

    directory: Path
    attempt: int
    wanted: Selection
    follow: bool


async def read_log(logs: LogFollower, request: LogRequest) -> AsyncIterator[bytes]:
    """The log in pieces; with `follow`, until the container has ended."""
    left = request.wanted.limit if request.wanted.limit >= 0 else -1
    news = logs.subscribe()
    try:
        file, position = log_file(request.directory, request.attempt), 0
        for piece, end in _existing(request):
            shown, left = _cut(piece, left)
            position = end
            yield shown
            await asyncio.sleep(0)
        while request.follow and left != 0:
            more = logs.is_followed(request.directory, request.attempt)
            news.clear()
            piece, position = _grown(file, position, request.wanted)
            piece, left = _cut(piece, left)
            if piece:
                yield piece
            elif not more:
                return
            else:
                await news.wait()
    finally:
        logs.unsubscribe(news)


def _existing(request: LogRequest) -> Iterator[tuple[bytes, int]]:
    """What is there, with the position in the current file after each piece."""
    wanted = request.wanted
    file = log_file(request.directory, request.attempt)
    rotated = file.with_name(file.name + ".1")
    if wanted.tail >= 0:
        lines: deque[bytes] = deque(maxlen=max(1, wanted.tail * 2 + 100))
        lines.extend(line for line, _ in _lines(rotated))
        position = 0
        for line, after in _lines(file):
            lines.append(line)
            position = after
        yield b"".join(select(lines, wanted)), position
        return
    for path in (rotated, file):
        batch: list[bytes] = []
        position = 0
        for line, position in _lines(path):
            batch.append(line)
            if len(batch) >= 1000:
                yield b"".join(select(batch, wanted)), position if path == file else 0
                batch = []
        yield b"".join(select(batch, wanted)), position if path == file else 0


def _lines(path: Path) -> Iterator[tuple[bytes, int]]:
    """Complete lines of a file, each with the position after it."""
    position = 0
    try:
        with path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    return
                position += len(line)
                yield line[:-1], position
    except FileNotFoundError:
        return


def _grown(file: Path, position: int, wanted: Selection) -> tuple[bytes, int]:
    """What was added after `position`; a file that was rotated is read from its start."""
    try:
        size = file.stat().st_size
        with file.open("rb") as handle:
            handle.seek(position if size >= position else 0)
            data = handle.read(1 << 20)
            position = handle.tell() - len(data)
    except FileNotFoundError:
        return b"", position
    end = data.rfind(b"\n") + 1
    plain = msgspec.structs.replace(wanted, tail=-1, since=0.0)
    return b"".join(select(data[:end].split(b"\n")[:-1], plain)), position + end


def _cut(piece: bytes, left: int) -> tuple[bytes, int]:
    if left < 0:
        return piece, left
    return piece[:left], left - len(piece[:left])
