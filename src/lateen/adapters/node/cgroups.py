"""Control groups, version 1 and 2: limits of containers, and the sure way to find every process of a mesh.

In: the mesh's cgroup name, pod uids, container names, limits. Out: files to join a group by, counts of out-of-memory
kills, process numbers. Rules kept: groups lie below one directory per mesh, so that a clean-up finds processes by
membership and never by name; a machine that allows no cgroups runs pods without limits and says so once.

Tree: `<hierarchy>/<mesh>/<pod uid>/<container>`; version 1 has it once per controller.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from lateen.localcluster.resources import Limits

__all__ = ["Cgroups", "find_hierarchies"]

log = logging.getLogger(__name__)

_CONTROLLERS = ("memory", "cpu", "pids")


class Hierarchy(msgspec.Struct, frozen=True):
    """One mounted cgroup tree: version 1 with one controller, or version 2 with those in `controllers`."""

    version: int
    root: str
    controllers: tuple[str, ...]


def find_hierarchies(mountinfo: str) -> tuple[Hierarchy, ...]:
    """The trees to use, from the text of /proc/self/mountinfo.

    Version 1 controllers win where both versions are mounted.
    """
    legacy: dict[str, Hierarchy] = {}
    unified = ""
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        kind, _, options = right.split(" ", 2)
        root = left.split()[4]
        if kind == "cgroup2":
            unified = unified or root
        elif kind == "cgroup":
            for controller in set(options.split(",")) & set(_CONTROLLERS):
                legacy.setdefault(controller, Hierarchy(1, root, (controller,)))
    if legacy:
        return tuple(legacy[controller] for controller in _CONTROLLERS if controller in legacy)
    return (Hierarchy(2, unified, _CONTROLLERS),) if unified else ()


class Cgroups:
    """The control groups of one mesh; `name` is the directory directly below each hierarchy's root."""

    def __init__(self, name: str, hierarchies: tuple[Hierarchy, ...] | None = None) -> None:
        found = find_hierarchies(Path("/proc/self/mountinfo").read_text()) if hierarchies is None else hierarchies
        self.name = name
        self.hierarchies = tuple(entry for entry in found if self._usable(entry))
        if not self.hierarchies:
            log.warning("no writable cgroups on this machine: containers run without memory and CPU limits")

    def make(self, pod: str, container: str, limits: Limits) -> tuple[str, ...]:
        """Make a container's groups with its limits; returns the `cgroup.procs` files a process joins by writing 0."""
        files = []
        for hierarchy in self.hierarchies:
            directory = Path(hierarchy.root, self.name, pod, container)
            directory.mkdir(parents=True, exist_ok=True)
            if hierarchy.version == 2:
                self._delegate(hierarchy, directory.parent)
            for file, value in _settings(hierarchy, limits):
                _write(directory / file, value)
            files.append(str(directory / "cgroup.procs"))
        return tuple(files)

    def remove(self, pod: str, container: str = "") -> None:
        """Remove a container's groups, or a whole pod's; groups with processes left stay."""
        for hierarchy in self.hierarchies:
            _remove_tree(Path(hierarchy.root, self.name, pod, container))

    def oom_kills(self, pod: str, container: str) -> int:
        """How many processes of the container the kernel killed for want of memory."""
        for hierarchy in self.hierarchies:
            if "memory" in hierarchy.controllers:
                file = "memory.oom_control" if hierarchy.version == 1 else "memory.events"
                return _counter(Path(hierarchy.root, self.name, pod, container, file), "oom_kill")
        return 0

    def processes(self, pod: str = "", container: str = "") -> set[int]:
        """Numbers of all processes in the mesh's, a pod's or a container's groups."""
        found: set[int] = set()
        for hierarchy in self.hierarchies:
            for file in Path(hierarchy.root, self.name, pod, container).glob("**/cgroup.procs"):
                with contextlib.suppress(OSError):
                    found.update(int(line) for line in file.read_text().split())
        found.discard(0)
        return found

    def signal(self, number: signal.Signals, pod: str = "", container: str = "") -> int:
        """Send a signal to each of those processes; returns how many there were."""
        members = self.processes(pod, container) - {os.getpid()}
        for member in members:
            with contextlib.suppress(ProcessLookupError):
                os.kill(member, number)
        return len(members)

    def remove_all(self) -> tuple[str, ...]:
        """Remove every group of the mesh; returns those that could not be removed."""
        left = []
        for hierarchy in self.hierarchies:
            top = Path(hierarchy.root, self.name)
            _remove_tree(top)
            if top.exists():
                left.append(str(top))
        return tuple(left)

    def _usable(self, hierarchy: Hierarchy) -> bool:
        top = Path(hierarchy.root, self.name)
        try:
            top.mkdir(exist_ok=True)
            if hierarchy.version == 2:
                self._delegate(hierarchy, Path(hierarchy.root))
                self._delegate(hierarchy, top)
        except OSError as error:
            log.debug("cgroup hierarchy %s is not usable: %s", hierarchy.root, error)
            return False
        return True

    def _delegate(self, hierarchy: Hierarchy, directory: Path) -> None:
        available = (directory / "cgroup.controllers").read_text().split()
        for controller in hierarchy.controllers:
            if controller in available:
                with contextlib.suppress(OSError):
                    (directory / "cgroup.subtree_control").write_text(f"+{controller}")


def _settings(hierarchy: Hierarchy, limits: Limits) -> Iterator[tuple[str, str]]:
    if hierarchy.version == 2:
        yield from _unified_settings(limits)
        return
    match hierarchy.controllers[0]:
        case "memory":
            yield "memory.limit_in_bytes", str(limits.memory or -1)
        case "cpu":
            yield "cpu.cfs_period_us", "100000"
            yield "cpu.cfs_quota_us", str(limits.cpu_quota or -1)
            yield "cpu.shares", str(limits.cpu_shares)
        case _:
            yield "pids.max", str(limits.pids)


def _unified_settings(limits: Limits) -> Iterable[tuple[str, str]]:
    quota = str(limits.cpu_quota) if limits.cpu_quota else "max"
    weight = 1 + ((limits.cpu_shares - 2) * 9999) // 262142
    return (
        ("memory.max", str(limits.memory or "max")),
        ("cpu.max", f"{quota} 100000"),
        ("cpu.weight", str(weight)),
        ("pids.max", str(limits.pids)),
    )


def _write(file: Path, value: str) -> None:
    try:
        file.write_text(value)
    except FileNotFoundError:
        log.debug("this kernel has no %s", file)


def _counter(file: Path, name: str) -> int:
    try:
        pairs = (line.split() for line in file.read_text().splitlines())
        return next((int(pair[1]) for pair in pairs if pair[0] == name), 0)
    except FileNotFoundError:
        return 0


def _remove_tree(top: Path) -> None:
    """Remove a group and those below it, deepest first: rmdir is the only way to remove a group."""
    if not top.exists():
        return
    for directory, _, _ in os.walk(top, topdown=False):
        with contextlib.suppress(OSError):
            os.rmdir(directory)
