"""Control groups of both versions, in directories that stand for the kernel's."""

from __future__ import annotations

from pathlib import Path

import pytest

from lateen.adapters.node.cgroups import Cgroups, Hierarchy, find_hierarchies
from lateen.localcluster.resources import Limits

LEGACY = """\
30 23 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw
31 30 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
32 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
33 30 0:29 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
34 30 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
"""
UNIFIED = "31 23 0:27 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
LIMITS = Limits(memory=15 << 20, cpu_quota=10_000, cpu_shares=102, pids=100)


def test_version_1_wins_where_both_are_mounted() -> None:
    assert find_hierarchies(LEGACY) == (
        Hierarchy(1, "/sys/fs/cgroup/memory", ("memory",)),
        Hierarchy(1, "/sys/fs/cgroup/cpu,cpuacct", ("cpu",)),
        Hierarchy(1, "/sys/fs/cgroup/pids", ("pids",)),
    )
    assert find_hierarchies(UNIFIED) == (Hierarchy(2, "/sys/fs/cgroup", ("memory", "cpu", "pids")),)
    assert find_hierarchies("") == ()


@pytest.fixture
def unified(tmp_path: Path) -> Cgroups:
    """A version 2 tree: the files that the kernel would make are made by hand."""
    for directory in (tmp_path, tmp_path / "mesh", tmp_path / "mesh" / "pod"):
        directory.mkdir(exist_ok=True)
        (directory / "cgroup.controllers").write_text("cpuset cpu memory pids")
        (directory / "cgroup.subtree_control").write_text("")
    return Cgroups("mesh", (Hierarchy(2, str(tmp_path), ("memory", "cpu", "pids")),))


def test_limits_of_version_2(unified: Cgroups, tmp_path: Path) -> None:
    (file,) = unified.make("pod", "main", LIMITS)
    group = tmp_path / "mesh" / "pod" / "main"

    assert file == str(group / "cgroup.procs")
    assert (group / "memory.max").read_text() == str(15 << 20)
    assert (group / "cpu.max").read_text() == "10000 100000"
    assert (group / "cpu.weight").read_text() == "4"
    assert (tmp_path / "mesh" / "pod" / "cgroup.subtree_control").read_text() == "+pids"
    unified.make("pod", "free", Limits())
    assert (tmp_path / "mesh" / "pod" / "free" / "cpu.max").read_text() == "max 100000"


def test_limits_of_version_1(tmp_path: Path) -> None:
    trees = tuple(Hierarchy(1, str(tmp_path / name), (name,)) for name in ("memory", "cpu", "pids"))
    for tree in trees:
        Path(tree.root).mkdir()
    files = Cgroups("mesh", trees).make("pod", "main", LIMITS)

    assert len(files) == 3
    assert (tmp_path / "memory/mesh/pod/main/memory.limit_in_bytes").read_text() == str(15 << 20)
    assert (tmp_path / "cpu/mesh/pod/main/cpu.cfs_quota_us").read_text() == "10000"
    assert (tmp_path / "pids/mesh/pod/main/pids.max").read_text() == "100"


def test_members_and_kills_are_read_from_the_tree(unified: Cgroups, tmp_path: Path) -> None:
    unified.make("pod", "main", LIMITS)
    group = tmp_path / "mesh" / "pod" / "main"
    (group / "cgroup.procs").write_text("7\n8\n")
    (group / "memory.events").write_text("low 0\noom 1\noom_kill 2\n")

    assert unified.processes("pod", "main") == {7, 8}
    assert unified.processes() == {7, 8}
    assert unified.oom_kills("pod", "main") == 2
    assert unified.oom_kills("pod", "other") == 0


def test_a_machine_without_cgroups_runs_containers_without_limits(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    none = Cgroups("mesh", (Hierarchy(2, str(tmp_path / "file"), ("memory",)),))

    assert none.make("pod", "main", LIMITS) == ()
    assert "without memory and CPU limits" in caplog.text
