"""From what containers write to log files that `kubectl logs` reads.

Containers append to raw files, one per stream, so that they never wait for the node agent and lose nothing while it
is away. This module follows the raw files (inotify), stamps each line, writes the log file and gives the raw file's
space back. In: raw files. Out:
`<directory>/<attempt>.log` in the container runtime's format, rotated at 10 MiB, the last two kept per attempt. Rule:
how far a raw file has been read is kept beside it, so a node agent that comes back repeats at most what it had not
noted.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable
from pathlib import Path

from lateen.adapters.node import syscalls
from lateen.localcluster.logs import Selection, entries, select

log = logging.getLogger(__name__)

__all__ = ["LogFollower", "forget_log", "last_words", "log_file", "raw_file"]

ROTATE_AT = 10 << 20
MOST_BEHIND = 64 << 20
_CHUNK = 1 << 20
_DISK_PAUSE = 2.0
_PAUSE = 0.02


def raw_file(directory: Path, attempt: int, stream: str) -> Path:
    """Where a container's stream goes as it is."""
    return directory / f"{attempt}.{stream}"


def log_file(directory: Path, attempt: int) -> Path:
    """The finished log of one start of a container."""
    return directory / f"{attempt}.log"


def forget_log(directory: Path, attempt: int) -> None:
    """Remove the log of a start that nobody can ask for any more."""
    file = log_file(directory, attempt)
    file.unlink(missing_ok=True)
    file.with_name(file.name + ".1").unlink(missing_ok=True)


def last_words(directory: Path, attempt: int) -> str:
    """The last 2 KiB of a log's text, as a termination message."""
    try:
        with log_file(directory, attempt).open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - (8 << 10)))
            lines = file.read().splitlines()[-80:]
    except FileNotFoundError:
        return ""
    return b"".join(select(lines, Selection()))[-(2 << 10) :].decode(errors="replace")


class _Source:
    """One raw file: how far it is read, and a line that is not complete yet."""

    def __init__(self, raw: Path, target: Path, stream: str) -> None:
        self.raw = raw
        self.target = target
        self.stream = stream
        self.mark = raw.with_name(raw.name + ".read")
        self.handle = os.open(raw, os.O_RDWR | os.O_CLOEXEC)
        self.offset = self._remembered()
        self.rest = b""
        self.watch = -1

    def _remembered(self) -> int:
        try:
            return int(self.mark.read_text())
        except (FileNotFoundError, ValueError):
            return 0

    def pump(self, now: float, *, final: bool) -> bool:
        """Take over what is new; True if something was.

        A file that shrank (a program opened /dev/stdout anew) is read from its start.
        """
        size = os.fstat(self.handle).st_size
        self.offset = self.offset if size >= self.offset else 0
        if size - self.offset > MOST_BEHIND:
            self._skip(size - _CHUNK, now)
        data = os.pread(self.handle, _CHUNK, self.offset)
        if not data and not (final and self.rest):
            return False
        lines, self.rest = entries(self.rest + data.lstrip(b"\0"), self.stream, now, final=final and len(data) < _CHUNK)
        self._append(lines)
        self.offset += len(data)
        self.mark.write_text(str(self.offset - len(self.rest)))
        with contextlib.suppress(OSError):  # a file system without holes keeps the bytes
            syscalls.punch_hole(self.handle, 0, max(0, self.offset - len(self.rest)) & ~4095)
        return bool(data)

    def _skip(self, offset: int, now: float) -> None:
        """Give up what a container wrote faster than it can be taken over: a log must not fill the disk."""
        note = f"[{offset - self.offset} bytes of output were dropped: they came faster than logs are written]\n"
        lines, _ = entries(note.encode(), self.stream, now, final=True)
        self._append(lines)
        self.offset, self.rest = offset, b""

    def _append(self, lines: bytes) -> None:
        if not lines:
            return
        if self.target.exists() and self.target.stat().st_size + len(lines) > ROTATE_AT:
            self.target.replace(self.target.with_name(self.target.name + ".1"))
        with self.target.open("ab") as file:
            file.write(lines)

    def close(self) -> None:
        os.close(self.handle)
        self.raw.unlink(missing_ok=True)
        self.mark.unlink(missing_ok=True)


class LogFollower:
    """Follows all raw files of this node. `now` gives seconds since 1970."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._inotify = syscalls.inotify_init()
        self._by_watch: dict[int, _Source] = {}
        self._by_path: dict[Path, _Source] = {}
        self._dirty: set[_Source] = set()
        self._due: asyncio.TimerHandle | None = None
        self._in_trouble = False
        self._readers: set[asyncio.Event] = set()
        asyncio.get_running_loop().add_reader(self._inotify, self._notice)

    def follow(self, directory: Path, attempt: int) -> None:
        """Begin with both streams of a container's start; the raw files must exist."""
        for stream in ("stdout", "stderr"):
            raw = raw_file(directory, attempt, stream)
            if raw in self._by_path or not raw.exists():
                continue
            source = _Source(raw, log_file(directory, attempt), stream)
            source.watch = syscalls.inotify_add(self._inotify, str(raw), syscalls.IN_MODIFY)
            self._by_watch[source.watch] = source
            self._by_path[raw] = source
            self._mark_dirty(source)

    def finish(self, directory: Path, attempt: int) -> None:
        """The container ended: take over the rest and remove the raw files."""
        for stream in ("stdout", "stderr"):
            source = self._by_path.pop(raw_file(directory, attempt, stream), None)
            if source is None:
                continue
            try:
                while source.pump(self._now(), final=True):
                    pass
            except OSError as error:
                log.error("the end of %s is lost: %s", source.target, error)
            self._by_watch.pop(source.watch, None)
            self._dirty.discard(source)
            syscalls.inotify_remove(self._inotify, source.watch)
            source.close()
        self._tell_readers()

    def subscribe(self) -> asyncio.Event:
        """An event that is set whenever a log file has grown; give it back with `unsubscribe`."""
        news = asyncio.Event()
        self._readers.add(news)
        return news

    def unsubscribe(self, news: asyncio.Event) -> None:
        self._readers.discard(news)

    def is_followed(self, directory: Path, attempt: int) -> bool:
        """Whether more may come."""
        return raw_file(directory, attempt, "stdout") in self._by_path

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._inotify)
        if self._due is not None:
            self._due.cancel()
        os.close(self._inotify)
        for source in self._by_path.values():
            os.close(source.handle)

    def _notice(self) -> None:
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._inotify, 1 << 16)
            while data:
                watch, _, _, length = syscalls.INOTIFY_EVENT.unpack_from(data)
                data = data[syscalls.INOTIFY_EVENT.size + length :]
                if watch in self._by_watch:
                    self._mark_dirty(self._by_watch[watch])

    def _mark_dirty(self, source: _Source) -> None:
        """Wait a moment for more: a busy container costs one read per pause, not one per line."""
        self._dirty.add(source)
        if self._due is None:
            self._due = asyncio.get_running_loop().call_later(_PAUSE, self._pump)

    def _pump(self) -> None:
        self._due = None
        dirty, self._dirty = self._dirty, set()
        for source in dirty:
            try:
                if source.pump(self._now(), final=False) and os.fstat(source.handle).st_size > source.offset:
                    self._mark_dirty(source)
            except OSError as error:
                self._disk_trouble(source, error)
        self._tell_readers()

    def _disk_trouble(self, source: _Source, error: OSError) -> None:
        """A full disk: nothing is lost yet, the raw file keeps it; try again in a while and say so once."""
        if not self._in_trouble:
            log.error("logs cannot be written: %s; free some space", error)
        self._in_trouble = True
        asyncio.get_running_loop().call_later(_DISK_PAUSE, self._retry, source)

    def _retry(self, source: _Source) -> None:
        self._in_trouble = False
        if source.raw in self._by_path:
            self._mark_dirty(source)

    def _tell_readers(self) -> None:
        for news in self._readers:
            news.set()
