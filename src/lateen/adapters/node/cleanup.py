"""Removing everything that a mesh left on this machine, also after all its processes were killed.

In: `Leftovers`, the few facts by which a mesh's things are known: its directory, its prefix, its cgroup. Out: what
could not be removed, as sentences for people. Rule: a process is ended because it is in the mesh's control group, or
because a file of the mesh names its number *and* its start time; never because of its name. Running it twice is no
error.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from lateen.adapters.node.cgroups import Cgroups
from lateen.adapters.node.meshnet import NETNS_DIR
from lateen.adapters.node.namespaces import mount_points, unpin
from lateen.adapters.node.netlink import Netlink
from lateen.adapters.node.processes import ProcessRecord, is_alive, read_records

__all__ = ["Leftovers", "clean"]

_PATIENCE = 10.0


class Leftovers(msgspec.Struct, frozen=True):
    """What a mesh may have left: `prefix` such as "lt0" of links and namespaces, `cgroup` its directory's name."""

    run_dir: str
    prefix: str
    mesh_netns: str
    cgroup: str


def clean(leftovers: Leftovers) -> tuple[str, ...]:
    """Remove processes, mounts, namespaces, links, control groups and the run directory, in this order."""
    run_dir = Path(leftovers.run_dir)
    groups = Cgroups(leftovers.cgroup)
    left = _end_processes(groups, read_records(run_dir))
    _remove_mounts(run_dir)
    _remove_names(leftovers)
    _remove_links(leftovers.prefix)
    left += tuple(f"control group {path} still has processes" for path in groups.remove_all())
    return left + _remove_directory(run_dir)


def _end_processes(groups: Cgroups, records: tuple[ProcessRecord, ...]) -> tuple[str, ...]:
    def kill_all() -> bool:
        count = groups.signal(signal.SIGKILL)
        for record in filter(is_alive, records):
            count += 1
            with contextlib.suppress(ProcessLookupError):
                os.kill(record.pid, signal.SIGKILL)
        return count == 0

    if _until(kill_all):
        return ()
    return tuple(f"process {pid} does not end" for pid in sorted(groups.processes()))


def _until(done: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + _PATIENCE
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _remove_mounts(run_dir: Path) -> None:
    for point in reversed(mount_points(f"{run_dir}/")):
        unpin(point)


def _remove_directory(run_dir: Path) -> tuple[str, ...]:
    """Remove the run directory, unless something is still mounted in it: what is mounted there is not ours to empty."""
    points = mount_points(f"{run_dir}/")
    if points:
        return tuple(f"{point} is still mounted; unmount it" for point in points)
    shutil.rmtree(run_dir, ignore_errors=True)
    return (f"directory {run_dir} could not be removed",) if run_dir.exists() else ()


def _remove_names(leftovers: Leftovers) -> None:
    """Remove the names that `ip netns` shows; they are links to files in the run directory."""
    if not NETNS_DIR.is_dir():
        return
    for entry in NETNS_DIR.iterdir():
        if entry.is_symlink() and os.readlink(entry).startswith(f"{leftovers.run_dir}/"):
            entry.unlink()
    named = NETNS_DIR / leftovers.mesh_netns
    if named.is_symlink():
        named.unlink()


def _remove_links(prefix: str) -> None:
    """Remove this machine's ends of the mesh's links; their routes go with them."""
    with Netlink() as here:
        for name in here.links():
            if name == f"{prefix}h":
                here.delete_link(name)
