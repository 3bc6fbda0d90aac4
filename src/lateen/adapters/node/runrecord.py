"""What is kept of each start of a container, so that a node agent that comes back knows it.

In: a `Run`. Out: files `<attempt>.run`, `<attempt>.process`, `<attempt>.exit` below the pod's directory. Rules kept:
written at once or not at all; readable by root only, since variables may hold secrets; the exit code is the shim's
word, and where the shim itself was killed the container counts as killed.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec

from lateen.adapters.node.entering import Inside
from lateen.adapters.node.processes import ProcessRecord, is_alive, read_record
from lateen.adapters.node.sandbox import Sandbox
from lateen.localcluster.podlife import ContainerState, Ended

__all__ = ["Run", "ended_of", "last_attempt", "read_run", "run_directory", "write_run"]

_LOST = "The container's keeper was killed; its exit code is not known"


class Run(msgspec.Struct, frozen=True):
    """One start of a container. `crashes` = crashes in a row before it."""

    inside: Inside
    started_at: float
    crashes: int
    message_file: str


def run_directory(sandbox: Sandbox, container: str) -> Path:
    return Path(sandbox.directory, "containers", container)


def write_run(sandbox: Sandbox, attempt: int, run: Run) -> None:
    directory = run_directory(sandbox, run.inside.container)
    directory.mkdir(parents=True, exist_ok=True)
    draft = directory / f"{attempt}.run.draft"
    draft.touch(mode=0o600)
    draft.write_bytes(msgspec.json.encode(run))
    draft.replace(directory / f"{attempt}.run")


def read_run(sandbox: Sandbox, container: str, attempt: int) -> Run | None:
    try:
        data = (run_directory(sandbox, container) / f"{attempt}.run").read_bytes()
        return msgspec.json.decode(data, type=Run)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def last_attempt(sandbox: Sandbox, container: str) -> int:
    """Number of the latest start; -1 if there was none."""
    directory = run_directory(sandbox, container)
    numbers = [int(file.stem) for file in directory.glob("*.process") if file.stem.isdigit()]
    return max(numbers, default=-1)


def running_record(sandbox: Sandbox, container: str, attempt: int) -> ProcessRecord | None:
    """The shim of a start that still runs."""
    record = read_record(run_directory(sandbox, container) / f"{attempt}.process")
    return record if record is not None and is_alive(record) else None


def ended_of(sandbox: Sandbox, container: str, attempt: int, *, oom: bool) -> Ended:
    """How a start ended, from its files. `oom` = the kernel killed a process of it for want of memory."""
    run = read_run(sandbox, container, attempt)
    file = run_directory(sandbox, container) / f"{attempt}.exit"
    started = run.started_at if run is not None else 0.0
    try:
        lines, finished = file.read_text(errors="replace").splitlines(), file.stat().st_mtime
    except FileNotFoundError:
        lines, finished = [], started
    codes = [line.removeprefix("code: ") for line in lines if line.startswith("code: ")]
    if not codes or not codes[-1].isdigit():
        return Ended(137, "ContainerStatusUnknown", _LOST, started, finished)
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    if errors:
        return Ended(128, "StartError", errors[0], started, finished)
    code = int(codes[-1])
    return Ended(code, _reason(code, oom), _message(run), started, finished)


def forget(sandbox: Sandbox, container: str, attempt: int) -> None:
    """Remove the files of a start that nobody asks for any more."""
    for suffix in ("run", "process", "exit"):
        with contextlib.suppress(FileNotFoundError):
            (run_directory(sandbox, container) / f"{attempt}.{suffix}").unlink()


def adopted_state(sandbox: Sandbox, name: str, *, oom: bool, started: bool, ready: bool) -> ContainerState:
    """A container's state from its files. `started` and `ready` are what the API server was told last."""
    attempt = last_attempt(sandbox, name)
    if attempt < 0:
        return ContainerState(name)
    run = read_run(sandbox, name, attempt)
    previous = ended_of(sandbox, name, attempt - 1, oom=False) if attempt > 0 else None
    state = ContainerState(
        name=name,
        attempt=attempt,
        started_at=run.started_at if run is not None else 0.0,
        crashes=run.crashes if run is not None else 0,
        previous=previous,
    )
    if running_record(sandbox, name, attempt) is not None:
        return msgspec.structs.replace(state, state="running", hooked=True, started=started, ready=ready)
    return msgspec.structs.replace(state, state="ended", ended=ended_of(sandbox, name, attempt, oom=oom))


def _reason(code: int, oom: bool) -> str:
    if code == 0:
        return "Completed"
    return "OOMKilled" if oom and code == 137 else "Error"


def _message(run: Run | None) -> str:
    """What the container wrote to its termination message file, at most 4 KiB."""
    if run is None or not run.message_file:
        return ""
    with contextlib.suppress(OSError), Path(run.message_file).open("rb") as file:
        return file.read(4096).decode(errors="replace")
    return ""
