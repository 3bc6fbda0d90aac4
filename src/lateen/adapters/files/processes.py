"""Process records: who runs, found again after a restart without mistaking a recycled process id.

A record is a file with `<pid> <start time>`; the start time (clock ticks since boot, field 22 of /proc/PID/stat)
tells a recycled id apart. Nothing here finds a process by name.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
from pathlib import Path


def write_record(path: Path, pid: int) -> None:
    """Remember a process of ours in `path`, at once or not at all: others read it while it is written anew."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_text(f"{pid} {start_time(pid)}\n")
    draft.replace(path)


def read_record(path: Path) -> int | None:
    """The recorded process id if that very process still runs, else None."""
    try:
        pid_text, started = path.read_text().split()
    except (FileNotFoundError, ValueError):
        return None
    pid = int(pid_text)
    return pid if started != "0" and str(start_time(pid)) == started else None


def start_time(pid: int) -> int:
    """Clock ticks between boot and the start of `pid`; 0 when there is no such process or it is a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    fields = text.rpartition(")")[2].split()
    return 0 if fields[0] == "Z" else int(fields[19])


def terminate(pid: int, grace: float) -> bool:
    """SIGTERM, wait up to `grace` seconds, then SIGKILL. True when the process went by itself."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, signal.SIGTERM)
        if select.select([handle], [], [], grace)[0]:
            return True
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        select.select([handle], [], [], 5)
        return False
    finally:
        os.close(handle)
