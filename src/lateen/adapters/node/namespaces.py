"""Kernel namespaces that outlive the process that made them, and work done inside them.

A namespace is pinned by a bind mount of its handle on a file, so no process has to stay for it: the node agent may
die and the pods' networks stay. In: paths of such files. Out: results of the work. Rule: a thread that has entered a
namespace ends there and is never reused, so no other code can wake up in the wrong network.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from lateen.adapters.node import syscalls

__all__ = ["Completed", "NodeError", "in_netns", "in_thread", "make_namespaces", "mount_points", "run_in", "unpin"]

Result = TypeVar("Result")

_HANDLES = {"net": syscalls.CLONE_NEWNET, "uts": syscalls.CLONE_NEWUTS, "ipc": syscalls.CLONE_NEWIPC}


class NodeError(Exception):
    """The machine refused what a pod needs; the message says what and, where known, what to do."""


class Completed(NamedTuple):
    """A program's end: exit code and what it wrote."""

    code: int
    out: str
    err: str


def in_thread(work: Callable[[], Result]) -> Result:
    """Run `work` in a thread of its own that ends with it, and return or raise what it did."""
    outcome: list[Any] = []

    def body() -> None:
        try:
            outcome.extend((True, work()))
        except BaseException as error:  # carried over to the caller's thread, where it is raised
            outcome.extend((False, error))

    thread = threading.Thread(target=body, name="in-namespace")
    thread.start()
    thread.join()
    if not outcome[0]:
        raise outcome[1]
    result: Result = outcome[1]
    return result


def in_netns(path: str, work: Callable[[], Result]) -> Result:
    """Run `work` in the network namespace pinned at `path`; sockets opened there stay there."""

    def inside() -> Result:
        syscalls.setns(path, syscalls.CLONE_NEWNET)
        return work()

    return in_thread(inside)


def run_in(path: str, argv: list[str], stdin: bytes = b"", env: Mapping[str, str] | None = None) -> Completed:
    """Run a program of this machine in the network namespace at `path`, at most 30 seconds.

    Raises `NodeError` if it is missing.
    """

    def work() -> Completed:
        done = subprocess.run(argv, input=stdin, capture_output=True, timeout=30, check=False, env=env)
        return Completed(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))

    try:
        return in_netns(path, work)
    except FileNotFoundError:
        raise NodeError(f"{argv[0]} is not installed; install it with the system's package manager") from None


def make_namespaces(directory: Path, kinds: tuple[str, ...], hostname: str = "") -> dict[str, str]:
    """Make new namespaces of `kinds` ("net", "uts", "ipc"), pin each at `directory/<kind>` and return the paths."""
    directory.mkdir(parents=True, exist_ok=True)
    paths = {kind: str(directory / kind) for kind in kinds}

    def work() -> None:
        flags = 0
        for kind in kinds:
            flags |= _HANDLES[kind]
        syscalls.unshare(flags)
        if hostname:
            syscalls.set_hostname(hostname)
        own = f"/proc/self/task/{threading.get_native_id()}/ns"
        for kind, path in paths.items():
            Path(path).touch()
            syscalls.mount(f"{own}/{kind}", path, flags=syscalls.MS_BIND)

    in_thread(work)
    return paths


def unpin(path: str) -> None:
    """Unmount what is mounted at `path` and remove the mount point; one that is gone already is no error."""
    with contextlib.suppress(OSError):
        syscalls.umount(path)
    with contextlib.suppress(FileNotFoundError):
        if os.path.isdir(path):
            os.rmdir(path)
        else:
            os.unlink(path)


def mount_points(prefix: str) -> list[str]:
    """This process's mount points that begin with `prefix`, outer before inner."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    points = {line.split()[4].encode().decode("unicode_escape") for line in lines}
    return sorted(point for point in points if point.startswith(prefix))
