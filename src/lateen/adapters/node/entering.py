"""Running a command in a container that runs already: exec, exec probes, hooks.

In: an `Inside` (where and as whom the container runs) and a command. Out: a child process of the node agent, its
streams, its exit code. Rules kept: the command gets the container's user, capabilities, environment, directory,
namespaces and control groups; the manifest's text is never parsed by a shell; a command that outlives its time limit
is killed with all it started in its session.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
import struct
from collections.abc import Sequence
from pathlib import Path

import msgspec

from lateen.adapters.node import syscalls
from lateen.adapters.node.cgroups import Cgroups
from lateen.adapters.node.namespaces import NodeError, in_thread
from lateen.adapters.node.processes import ProcessRecord, is_alive
from lateen.adapters.node.spawn import move_up, spawn, wait_for
from lateen.localcluster.pods_user import Credentials, setpriv_arguments
from lateen.localcluster.probes import Outcome

__all__ = [
    "Inside",
    "check_command",
    "container_init",
    "enter",
    "kill_command",
    "open_terminal",
    "run_command",
    "until_up",
]

_SCRIPT = """
groups=$1 directory=$2
shift 2
number=0
while [ "$number" -lt "$groups" ]; do
  eval "echo 0 >&$((number + 3)); exec $((number + 3))>&-"
  number=$((number + 1))
done
cd -- "$directory" 2>/dev/null || cd /
exec "$@"
"""
_TIOCSPTLCK, _TIOCGPTPEER = 0x40045431, 0x5441  # asm-generic/ioctls.h: unlock, open the other end
_LONGEST_START = 2.0
_LONGEST_OUTPUT = 10 << 10


class Inside(msgspec.Struct, frozen=True):
    """How a container's own program was started; kept in a file, so that a node agent that comes back can enter too."""

    pod: str
    container: str
    user: Credentials
    env: tuple[tuple[str, str], ...]
    directory: str
    groups: tuple[str, ...]
    shim: int


def check_command(command: Sequence[str]) -> None:
    """Refuse, with `NodeError`, a command that cannot be started as it is; `env` would take a name with `=` for a
    variable.
    """
    if not command:
        raise NodeError("no command is given")
    if "=" in command[0] or any("\0" in word for word in command):
        raise NodeError(f'exec: "{command[0]}": executable file not found in $PATH')


def container_init(inside: Inside, cgroups: Cgroups) -> int:
    """The number (as this machine counts) of the container's first process. Raises `NodeError` if it is gone."""
    members = cgroups.processes(inside.pod, inside.container) or _descendants(inside.shim)
    for pid in sorted(members):
        if _innermost_number(pid) == 1:
            return pid
    raise NodeError(f"container {inside.container} is not running")


async def until_up(inside: Inside, cgroups: Cgroups, shim: ProcessRecord) -> None:
    """Wait until the container's own program is about to run: its init has taken the place of the shell that set it up.

    Nothing tells of an exec, so this looks, soon and then less often; a container that ends meanwhile is not waited
    for.
    """
    pause = 0.002
    while is_alive(shim) and pause < _LONGEST_START:
        with contextlib.suppress(NodeError, OSError):
            if _program(container_init(inside, cgroups)) == "init":
                return
        await asyncio.sleep(pause)
        pause *= 1.5


def enter(inside: Inside, target: int, command: Sequence[str], streams: Sequence[int], *, tty: bool = False) -> int:
    """Start a command beside process `target`; `streams` are descriptors for 0, 1, 2, which are closed here."""
    nsenter = shutil.which("nsenter")
    if nsenter is None:
        raise NodeError("nsenter is not installed; install it with: apt-get install util-linux")
    groups = [move_up(os.open(path, os.O_WRONLY | os.O_CLOEXEC)) for path in inside.groups if os.path.exists(path)]
    handles = [move_up(stream) for stream in streams] + groups
    env = [f"{name}={value}" for name, value in (dict(inside.env) | ({"TERM": "xterm"} if tty else {})).items()]
    argv = [
        "nsenter", f"--target={target}", "--mount", "--uts", "--ipc", "--net", "--pid", "--",
        *(("/usr/bin/setsid", "--ctty", "--wait") if tty else ()),
        "/bin/dash", "-c", _SCRIPT, "lateen-exec", str(len(groups)), inside.directory,
        "/usr/bin/setpriv", *setpriv_arguments(inside.user), "/usr/bin/env", "-i", "--", *env, *command,
    ]  # fmt: skip
    try:
        return spawn(nsenter, argv, handles)
    finally:
        for handle in handles:
            os.close(handle)


def open_terminal(target: int) -> tuple[int, int]:
    """Both ends of a new terminal in the container of process `target`: (controlling end, the program's end)."""

    def work() -> tuple[int, int]:
        syscalls.unshare(syscalls.CLONE_FS)
        syscalls.setns(f"/proc/{target}/ns/mnt", syscalls.CLONE_NEWNS)
        master = os.open("/dev/pts/ptmx", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        fcntl.ioctl(master, _TIOCSPTLCK, struct.pack("i", 0))
        return master, fcntl.ioctl(master, _TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)

    return in_thread(work)


async def run_command(inside: Inside, cgroups: Cgroups, command: Sequence[str], timeout: float) -> Outcome:
    """Run a command to its end, at most `timeout` seconds; good if it exits with 0.

    Its first 10 KiB of output are the message.
    """
    try:
        check_command(command)
        target = container_init(inside, cgroups)
        reader, writer = os.pipe2(os.O_CLOEXEC)
        null = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        pid = enter(inside, target, command, (null, os.dup(writer), writer))
    except (NodeError, OSError) as error:
        return Outcome(False, str(error))
    try:
        async with asyncio.timeout(timeout):
            code, text = await asyncio.gather(wait_for(pid), _collect(reader))
    except TimeoutError:
        kill_command(pid)
        await wait_for(pid)
        return Outcome(False, f"command timed out after {timeout:g} s")
    except asyncio.CancelledError:
        kill_command(pid)
        raise
    return Outcome(code == 0, text.decode(errors="replace").strip() or f"exit code {code}")


def kill_command(pid: int) -> None:
    """Kill a command that `enter` started, with its children."""
    for member in [*_descendants(pid), pid]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(member, signal.SIGKILL)


async def _collect(handle: int) -> bytes:
    """What comes through a pipe, cut to its first 10 KiB, until its end."""
    reader = asyncio.StreamReader()
    pipe = os.fdopen(handle, "rb", buffering=0)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), pipe
    )
    found = b""
    try:
        while chunk := await reader.read(4096):
            found = (found + chunk)[:_LONGEST_OUTPUT]
    finally:
        transport.close()
    return found


def _program(pid: int) -> str:
    """The name of the program that a process runs."""
    return Path(f"/proc/{pid}/comm").read_text().rstrip("\n")


def _descendants(pid: int) -> list[int]:
    """All processes below `pid`, as far as the kernel still knows the chain."""
    found: list[int] = []
    todo = [pid]
    while todo:
        current = todo.pop()
        with contextlib.suppress(OSError):
            children = Path(f"/proc/{current}/task/{current}/children").read_text().split()
            found += [int(child) for child in children]
            todo += [int(child) for child in children]
    return found


def _innermost_number(pid: int) -> int:
    """The process's number in its own pid namespace; 0 if it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    numbers = next((line.split()[1:] for line in lines if line.startswith("NSpid:")), [])
    return int(numbers[-1]) if len(numbers) > 1 else 0
