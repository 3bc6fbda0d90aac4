"""The supervisor of one local mesh: starts API server and node agent, brings them back, cleans up at the end.

    up ──starts──> supervisor ──┬── API server (python -m lateen.app.apiserver)
                                └── node agent (python -m lateen.app.node)

In: `mesh.json`. Out: two processes that run until SIGTERM; then every process, namespace, link and cgroup of the mesh
is gone. No event loop: it sleeps in `sigtimedwait` until a child ends, a restart is due or it is told to stop.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

from lateen.adapters.files.processes import terminate, write_record
from lateen.adapters.log_lines import start_logging
from lateen.app import instance as instances
from lateen.app.instance import Instance
from lateen.app.teardown import clean_machine

CHILDREN = ("apiserver", "node")
STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
LONG_ENOUGH = 10.0  # seconds of life after which a crash counts as the first one again
LONGEST_PAUSE = 5.0
LOG_LIMIT = 10 * 1024 * 1024

log = logging.getLogger(__name__)


class Child:
    """One supervised process: its command, its log file, and when it may be started again."""

    def __init__(self, name: str, instance: Instance) -> None:
        self.name = name
        self.command = [sys.executable, "-m", f"lateen.app.{name}", "--instance", f"{instance.state_dir}/mesh.json"]
        self.record = Path(instance.run_dir) / f"{name}.pid"
        self.log_path = Path(instance.log_dir) / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.due = 0.0
        self._started = 0.0
        self._pause = 0.0

    def start(self, now: float) -> None:
        """Start the process with its output in its log file."""
        with _open_log(self.log_path) as output:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=_unblock_signals,  # noqa: PLW1509 - the supervisor has one thread
            )
        self._started = now
        write_record(self.record, self.process.pid)

    def reap(self, now: float) -> None:
        """Notice the process's end and plan its restart: at once the first time, later with a growing pause."""
        if self.process is None or self.process.poll() is None:
            return
        log.warning("%s ended with %s; starting it again", self.name, self.process.returncode)
        self._pause = 0.0 if now - self._started > LONG_ENOUGH else min(LONGEST_PAUSE, self._pause * 2 or 0.1)
        self.process, self.due = None, now + self._pause

    def stop(self, grace: float) -> None:
        """End the process: politely first, after `grace` seconds for certain."""
        if self.process is not None and self.process.poll() is None:
            terminate(self.process.pid, grace)
            self.process.wait()
        self.process = None


def run(instance: Instance) -> None:
    """Supervise until a stop signal, then take everything down."""
    children = {name: Child(name, instance) for name in CHILDREN}
    watched = {signal.SIGCHLD, *STOPS}
    signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    stopping = False
    while not stopping:
        now = time.monotonic()
        for child in children.values():
            child.reap(now)
            if child.process is None and child.due <= now:
                child.start(now)
        stopping = _wait(watched, [c.due - now for c in children.values() if c.process is None])
    children["node"].stop(grace=5)
    clean_machine(instance)
    children["apiserver"].stop(grace=5)


def _wait(watched: set[signal.Signals], pauses: list[float]) -> bool:
    """Sleep until a signal or the next restart; True when the signal says stop."""
    received = signal.sigtimedwait(watched, max(0.0, min(pauses))) if pauses else signal.sigwaitinfo(watched)
    return received is not None and received.si_signo in STOPS


def _open_log(path: Path) -> IO[bytes]:
    if path.exists() and path.stat().st_size > LOG_LIMIT:
        path.replace(path.with_suffix(".log.1"))
    return path.open("ab")


def _unblock_signals() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def main() -> None:
    """`python -m lateen.app.supervisor --instance PATH/mesh.json`."""
    parser = argparse.ArgumentParser(prog="lateen-supervisor")
    parser.add_argument("--instance", required=True)
    instance = instances.load(parser.parse_args().instance)
    start_logging()
    write_record(Path(instance.run_dir) / "supervisor.pid", os.getpid())
    run(instance)


if __name__ == "__main__":
    main()
