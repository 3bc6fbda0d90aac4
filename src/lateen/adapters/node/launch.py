"""Starting a container: its namespaces, root, control groups and first process.

In: a `Launch`, everything already decided. Out: the record of the shim that keeps the container's exit code. Rules
kept: the process is detached and owes the node agent nothing; environment and user of the manifest reach only the
container's own program, never the shell that starts it; nothing of a manifest is parsed by a shell.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import msgspec

from lateen.adapters.node import syscalls
from lateen.adapters.node.namespaces import NodeError, in_thread
from lateen.adapters.node.processes import ProcessRecord, reap, record_of, write_record
from lateen.adapters.node.rootfs import build_root
from lateen.adapters.node.sandbox import Sandbox
from lateen.adapters.node.spawn import move_up, spawn
from lateen.localcluster.pods_root import Step
from lateen.localcluster.pods_user import Credentials, setpriv_arguments

__all__ = ["Attempt", "Launch", "attempt_files", "launch"]

SHIM = (Path(__file__).parent / "shim.sh").read_text()


class Launch(msgspec.Struct, frozen=True):
    """What to start: `groups` are cgroup.procs files; `stdout`/`stderr` raw log files that are appended to."""

    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    directory: str
    user: Credentials
    steps: tuple[Step, ...]
    groups: tuple[str, ...]
    stdout: str
    stderr: str
    terminal: bool = False


class Attempt(msgspec.Struct, frozen=True):
    """Files of one start of a container: who runs it, and how it ended."""

    process: Path
    exit: Path


def attempt_files(sandbox: Sandbox, container: str, attempt: int) -> Attempt:
    """Where start number `attempt` (0, 1, ...) of a container keeps its state."""
    directory = Path(sandbox.directory, "containers", container)
    return Attempt(directory / f"{attempt}.process", directory / f"{attempt}.exit")


def launch(sandbox: Sandbox, wanted: Launch, files: Attempt, given: tuple[int, ...] = ()) -> ProcessRecord:
    """Start the container. Raises `NodeError` when its root cannot be made or a program is missing.

    `given` are descriptors for its input (one), or for input and both outputs (three, a terminal); they are closed
    here.
    """
    files.process.parent.mkdir(parents=True, exist_ok=True)
    base = Path(sandbox.directory, "root")
    base.mkdir(exist_ok=True)
    handles = _open_all(wanted, files, given)
    try:
        pid = in_thread(lambda: _start(sandbox, wanted, str(base), handles))
    finally:
        for handle in handles:
            os.close(handle)
    record = record_of(pid, f"shim of {files.process.parent.name}")
    write_record(files.process, record)
    return record


def _open_all(wanted: Launch, files: Attempt, given: tuple[int, ...]) -> list[int]:
    """Standard streams, the exit file, then the control groups: all above the numbers they will get in the child."""
    append = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    plans = [
        ("/dev/null", os.O_RDONLY),
        (wanted.stdout, append),
        (wanted.stderr, append),
        (str(files.exit), os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
        *((group, os.O_WRONLY) for group in wanted.groups),
    ]
    handles = [move_up(os.open(path, flags | os.O_CLOEXEC, 0o640)) for path, flags in plans]
    for number, stream in enumerate(given):
        os.close(handles[number])
        handles[number] = move_up(stream)
    for stream in handles[1:3]:  # a program may open /dev/stdout, which leads to this file
        os.fchown(stream, wanted.user.uid, wanted.user.gid)
    return handles


def _start(sandbox: Sandbox, wanted: Launch, base: str, handles: list[int]) -> int:
    """In a thread of its own: enter the pod, make the root, start the shim there."""
    setpriv = _find("setpriv")
    for program in ("unshare", "mount", "dash"):
        _find(program)
    syscalls.setns(sandbox.netns, syscalls.CLONE_NEWNET)
    syscalls.setns(sandbox.uts, syscalls.CLONE_NEWUTS)
    syscalls.setns(sandbox.ipc, syscalls.CLONE_NEWIPC)
    syscalls.unshare(syscalls.CLONE_FS | syscalls.CLONE_NEWNS)
    build_root(base, wanted.steps)
    return spawn("/bin/dash", ["dash", "-c", SHIM, "lateen-shim", *_arguments(wanted, setpriv)], handles)


def _arguments(wanted: Launch, setpriv: str) -> Iterable[str]:
    """What shim.sh expects. `env -i` sets the container's environment only after all privileges are dropped."""
    path = dict(wanted.env).get("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    proc = "nosuid,nodev,noexec" + ("" if wanted.user.privileged else ",ro")
    yield from (str(len(wanted.groups)), proc, wanted.directory, path, wanted.argv[0])
    yield from (setpriv, *setpriv_arguments(wanted.user))
    yield from ("/usr/bin/env", "-i", "--", *(f"{name}={value}" for name, value in wanted.env))
    mode = () if wanted.terminal else ("--single-child",)  # without it, init makes its input the controlling terminal
    yield from ("/.lateen/init", *mode, "--", *wanted.argv)


def _find(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        raise NodeError(f"{program} is not installed; install it with: apt-get install util-linux dash")
    return path


def collect(record: ProcessRecord) -> None:
    """Reap the shim if it was this process's child."""
    reap(record.pid)
