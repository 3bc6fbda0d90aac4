"""Processes that outlive the node agent: started detached, known by number and start time, watched by a descriptor.

In: a command, its files and the namespaces to start in. Out: a `ProcessRecord` kept in a file, and later its end.
Rules kept: a number alone never identifies a process, because the kernel reuses it; nothing is ever looked up by a
program's name.
"""

from __future__ import annotations

import contextlib
import os
import select
from pathlib import Path

import msgspec

__all__ = ["ProcessRecord", "is_alive", "open_handle", "read_records", "record_of", "write_record"]


class ProcessRecord(msgspec.Struct, frozen=True):
    """A process of the mesh: `start` is its start time in clock ticks since boot (field 22 of /proc/<pid>/stat)."""

    pid: int
    start: int
    what: str


def start_ticks(pid: int) -> int:
    """When the process started, in clock ticks since boot; 0 if there is none or only its corpse."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    fields = text.rpartition(")")[2].split()
    return 0 if fields[0] in ("Z", "X") else int(fields[19])


def record_of(pid: int, what: str) -> ProcessRecord:
    """A record of a running process."""
    return ProcessRecord(pid, start_ticks(pid), what)


def is_alive(record: ProcessRecord) -> bool:
    """Whether this very process still runs."""
    return record.start != 0 and start_ticks(record.pid) == record.start


def write_record(file: Path, record: ProcessRecord) -> None:
    """Write a record at once or not at all."""
    draft = file.with_suffix(".draft")
    draft.write_bytes(msgspec.json.encode(record))
    draft.replace(file)


def read_record(file: Path) -> ProcessRecord | None:
    """The record in a file; None if it is missing or torn."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=ProcessRecord)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def read_records(run_dir: Path) -> tuple[ProcessRecord, ...]:
    """Every record (files `*.process`) below the run directory."""
    found = (read_record(file) for file in sorted(run_dir.glob("**/*.process")))
    return tuple(record for record in found if record is not None)


def open_handle(record: ProcessRecord) -> int | None:
    """A pidfd that becomes readable when the process ends; None if it has ended already."""
    try:
        handle = os.pidfd_open(record.pid)
    except ProcessLookupError:
        return None
    if is_alive(record):
        return handle
    ended = bool(select.select([handle], [], [], 0)[0])
    os.close(handle)
    return None if ended or not is_alive(record) else os.pidfd_open(record.pid)


def reap(pid: int) -> None:
    """Collect a child's end, so that it leaves the process table; another's child is no error."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
