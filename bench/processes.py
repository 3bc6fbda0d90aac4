"""The processes of a mesh, what they are, and what they use.

In: the mesh's name. Out: processes by sort. Rule: containers' processes are known by their control group
(`lateen-NAME/POD-UID/CONTAINER`), the shims around them as their ancestors, our own ones on the host by their command
line.
"""

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.mesh import Mesh

TICKS = os.sysconf("SC_CLK_TCK")
SORTS = ("supervisor", "API server", "node agent", "control plane", "inits and shims", "Envoys", "apps")
OURS = ("supervisor", "API server", "node agent", "control plane", "inits and shims")
_MODULES = {
    "lateen.app.supervisor": "supervisor",
    "lateen.app.apiserver": "API server",
    "lateen.app.node": "node agent",
    "lateen.app.controlplane": "control plane",
}


@dataclass(frozen=True)
class Process:
    """One process: `pod` is the uid of its pod, "" on the host."""

    pid: int
    command: tuple[str, ...]
    pod: str
    container: str

    def cpu_seconds(self) -> float:
        """Seconds of CPU that the process has used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def pss(self) -> int:
        """Bytes of memory, shared pages divided among those who share them; 0 if the process is gone."""
        try:
            text = Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        except OSError:
            return 0
        found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
        return int(found.group(1)) * 1024 if found else 0

    def sort(self) -> str:
        """What the process is, one of SORTS."""
        if self.command[0] == "/.lateen/init" or _is_shim(self.command):
            return "inits and shims"
        for module, sort in _MODULES.items():
            if module in self.command:
                return sort
        return "Envoys" if Path(self.command[0]).name.startswith("envoy") else "apps"


def processes(name: str) -> Iterator[Process]:
    """Yield the processes of a mesh."""
    group = re.compile(rf"/lateen-{re.escape(name)}/([^/\n]+)/([^/\n]+)")
    mark = f"/lateen/{name}/mesh.json"
    shims: set[int] = set()
    for pid in (int(directory.name) for directory in Path("/proc").iterdir() if directory.name.isdigit()):
        try:
            command, groups = _command(pid), Path(f"/proc/{pid}/cgroup").read_text()
        except OSError:
            continue  # it has just ended
        found = group.search(groups)
        if found is not None:
            yield Process(pid, command, found.group(1), found.group(2))
            shims.update(_shims_around(pid))
        elif any(part.endswith(mark) for part in command):
            yield Process(pid, command, "", "")
    yield from (Process(pid, _command(pid), "", "") for pid in shims)


def _command(pid: int) -> tuple[str, ...]:
    return tuple(Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0"))


def _is_shim(command: tuple[str, ...]) -> bool:
    """Tell whether a process keeps a container's exit code, or makes its process namespace."""
    return "lateen-shim" in command or command[:3] == ("unshare", "--pid", "--fork")


def _shims_around(pid: int) -> Iterator[int]:
    """Yield the ancestors of a container's process that are there for its sake."""
    try:
        while True:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
            if pid <= 1:
                return
            if _is_shim(_command(pid)):
                yield pid
    except OSError:
        return  # one of them has just ended


def proxies(mesh: Mesh, namespace: str) -> Iterator[tuple[str, Process]]:
    """Yield the Envoy of each pod of a namespace, with the pod's name."""
    names = {pod["metadata"]["uid"]: pod["metadata"]["name"] for pod in mesh.pods(namespace)}
    for process in processes(mesh.name):
        if process.pod in names and process.sort() == "Envoys":
            yield names[process.pod], process


def footprint(name: str) -> dict[str, float]:
    """Return megabytes (PSS) by sort of process."""
    used: dict[str, float] = defaultdict(float)
    for process in processes(name):
        used[process.sort()] += process.pss() / 1e6
    return {sort: used[sort] for sort in SORTS}
