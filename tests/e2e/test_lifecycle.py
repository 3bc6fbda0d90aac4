"""Starting, stopping, starting again; two meshes side by side; nothing is left behind, not even by `kill -9`."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.harness import LATEEN, Mesh, eventually, manifest


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Mesh]:
    mesh = Mesh("e2e-life", tmp_path)
    yield mesh
    mesh.lateen("down", "--purge", check=False)


def leftovers(mesh: Mesh, index: int) -> dict[str, set[str]]:
    """What of this mesh is on the machine; other meshes may run beside it."""
    links, name = (f"lt{index}-", f"lt{index}p", f"lt{index}m", f"lt{index}h", f"lt{index}br"), mesh.name
    run = Path("/run/lateen")
    namespaces = Path("/run/netns")
    routes = subprocess.run(["ip", "route"], capture_output=True, text=True, check=True).stdout.splitlines()
    own = (f"10.{128 + 2 * index}.", f"10.{129 + 2 * index}.")
    return {
        "links": {link for link in os.listdir("/sys/class/net") if link.startswith(links)},
        "namespaces": {ns for ns in os.listdir(namespaces) if ns.startswith(links)} if namespaces.is_dir() else set(),
        "mounts": {line.split()[1] for line in Path("/proc/mounts").read_text().splitlines() if f"/{name}/" in line},
        "cgroups": {str(path) for path in Path("/sys/fs/cgroup").glob(f"**/*{name}*")},
        "routes": {route for route in routes if route.startswith(own)},
        "run": {str(path) for path in run.glob(f"{name}*")},
        "processes": {p.name for p in Path("/proc").glob("[0-9]*") if f"/{name}/".encode() in command_line(p)},
    }


def host_rules() -> str:
    return subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True, check=True).stdout


KINDS = ("links", "namespaces", "mounts", "cgroups", "routes", "run", "processes")
NOTHING: dict[str, set[str]] = {kind: set() for kind in KINDS}


def command_line(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


def start(mesh: Mesh) -> None:
    mesh.lateen("up", "--detach", "-f", str(manifest("base_manifest")))


def test_down_leaves_nothing_and_state_survives_a_restart(fresh: Mesh) -> None:
    rules = host_rules()
    start(fresh)
    index = fresh.record()["index"]
    assert all(leftovers(fresh, index).values())
    uid = fresh.get("deployment", "go-multiroute")["metadata"]["uid"]
    assert stat.S_IMODE(os.stat(fresh.environment["KUBECONFIG"]).st_mode) == 0o600

    fresh.lateen("down")

    assert leftovers(fresh, index) == NOTHING
    assert host_rules() == rules
    fresh.lateen("up", "--detach")
    assert fresh.get("deployment", "go-multiroute")["metadata"]["uid"] == uid
    fresh.rollout("go-multiroute", "go-multiroute-v2")


def test_G62_after_kill_9_of_everything_the_next_up_cleans_up(fresh: Mesh) -> None:
    start(fresh)
    run_dir = Path(fresh.record()["run_dir"])
    for name in ("supervisor", "node", "apiserver"):
        os.kill(int((run_dir / f"{name}.pid").read_text().split()[0]), signal.SIGKILL)

    start(fresh)

    fresh.rollout("go-multiroute", "go-multiroute-v2")
    index = fresh.record()["index"]
    fresh.lateen("down")
    assert leftovers(fresh, index) == NOTHING


def test_G62_two_meshes_with_different_names_live_side_by_side(fresh: Mesh, tmp_path: Path) -> None:
    other = Mesh("e2e-other", tmp_path)
    try:
        start(fresh)
        other.lateen("up", "--detach", "-f", str(manifest("base_manifest/configmap.yaml")))

        assert fresh.record()["index"] != other.record()["index"]
        assert "go-multiroute" in fresh.kubectl("get", "deployments", "-o", "name")
        assert other.kubectl("get", "deployments", "-o", "name") == ""
        assert "e2e-life" in fresh.lateen("status", "--all")
    finally:
        other.lateen("down", "--purge")
    assert "go-multiroute" in fresh.kubectl("get", "deployments", "-o", "name")


def test_ctrl_c_takes_everything_down(fresh: Mesh) -> None:
    process = subprocess.Popen(
        [*LATEEN, "up", "-f", str(manifest("base_manifest"))], env=fresh.environment, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "Ctrl-C" in line:
            break

    process.send_signal(signal.SIGINT)

    index = fresh.record()["index"]
    process.communicate(timeout=60)
    assert leftovers(fresh, index) == NOTHING


def test_up_on_a_running_mesh_applies_more(fresh: Mesh) -> None:
    fresh.lateen("up", "--detach")

    fresh.lateen("up", "--detach", "-f", str(manifest("base_manifest/configmap.yaml")))

    eventually(lambda: fresh.kubectl("get", "configmap", "go-multiroute-v1", "-o", "name"), "applied")
