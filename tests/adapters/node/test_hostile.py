"""Hostile input and mishaps on the node's side, by their numbers: 62 (namespaces and their helper), 67 (clocks,
processes).
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import subprocess
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from lateen.adapters.clock import SYSTEM
from lateen.adapters.node.cleanup import clean
from lateen.adapters.node.meshnet import MeshNetwork, open_mesh
from lateen.adapters.node.namespaces import NodeError, in_netns
from lateen.adapters.node.netlink import Netlink
from lateen.adapters.node.rootfs import make_beneath
from lateen.adapters.node.sandbox import make_sandbox
from lateen.localcluster.network_plan import pod_mac
from lateen.localcluster.pods import PodError, read_pod
from tests.adapters.node.conftest import facts, plan
from tests.adapters.node.pods import node
from tests.adapters.node.test_sandbox import ask, serve

pytestmark = pytest.mark.root


def play(work: Coroutine[None, None, None]) -> None:
    asyncio.run(work)


@pytest.mark.parametrize("uid", ["../x", "/etc", "", "a/b", "-rf", "x" * 80, "a b", "a\nb"])
def test_62_a_uid_is_never_a_path(mesh: MeshNetwork, run_dir: Path, uid: str) -> None:
    with pytest.raises(NodeError, match="not a uid"):
        make_sandbox(mesh, run_dir, (uid, "h", "10.226.1.1"))


@pytest.mark.parametrize("name", ["../x", "a/b", "-a", "A", "a\0", "x" * 64, ""])
def test_62_a_container_name_is_never_a_path(name: str) -> None:
    with pytest.raises(PodError, match="no name of a container"):
        read_pod({"metadata": {"name": "p", "namespace": "n", "uid": "u"}, "spec": {"containers": [{"name": name}]}})


def test_62_a_link_planted_in_a_volume_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to("/etc")
    (tmp_path / "up").symlink_to("../..")

    for path in ("../x", "/etc", "a/../../b"):
        with pytest.raises(NodeError, match="inside its volume"):
            make_beneath(tmp_path, path, create=True)
    for path in ("out/hosts", "up/etc/hosts"):
        with pytest.raises(NodeError, match="subPath"):
            make_beneath(tmp_path, path, create=False)
    make_beneath(tmp_path, "fresh/dir", create=True)
    assert (tmp_path / "fresh" / "dir").is_dir()


def test_62_a_mount_point_behind_a_planted_link_stays_in_the_container(mesh: MeshNetwork, run_dir: Path) -> None:
    async def work() -> None:
        async with node(mesh, run_dir) as here:
            here.run("""
metadata: {name: first}
spec:
  restartPolicy: Never
  initContainers:
  - name: plant
    image: x/x
    command: [ln, -s, /run/lateen-escape, /shared/link]
    volumeMounts: [{name: s, mountPath: /shared}]
  containers:
  - name: main
    image: x/x
    command: ['true']
    volumeMounts: [{name: s, mountPath: /shared}, {name: t, mountPath: /shared/link/inner}]
  volumes: [{name: s, emptyDir: {}}, {name: t, emptyDir: {}}]
""")
            await here.api.until(lambda: reason(here.container("first", "main")) == "RunContainerError")

    play(work())
    assert not Path("/run/lateen-escape").exists()


def reason(status: dict[str, Any]) -> str:
    """Why a container waits, "" if it does not."""
    return str(status.get("state", {}).get("waiting", {}).get("reason", ""))


def test_62_a_forged_frame_diverts_no_other_pods_traffic(mesh: MeshNetwork, run_dir: Path) -> None:
    victim = make_sandbox(mesh, run_dir, ("uid-a", "pod-a", "10.226.1.1"))
    attacker = make_sandbox(mesh, run_dir, ("uid-b", "pod-b", "10.226.1.2"))
    serve(victim.netns, 8080)

    def forge() -> None:
        """An ARP answer "10.226.1.1 is me" and a frame with the victim's own MAC address as its sender."""
        own, other = (bytes.fromhex(pod_mac(sandbox.ip).replace(":", "")) for sandbox in (attacker, victim))
        gateway = bytes.fromhex(pod_mac(mesh.plan.gateway).replace(":", ""))
        answer = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 2) + own + socket.inet_aton(victim.ip)
        answer += gateway + socket.inet_aton(mesh.plan.gateway)
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
            raw.bind(("eth0", 0))
            for _ in range(3):
                raw.send(gateway + own + b"\x08\x06" + answer)
                raw.send(gateway + other + b"\x08\x06" + answer)

    in_netns(attacker.netns, forge)

    assert ask("", victim.ip, 8080) == mesh.plan.host_address


def host_state() -> tuple[str, ...]:
    """What a mesh must leave as it was: this machine's own rules and forwarding."""
    rules = subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True, check=True).stdout
    files = (
        "/proc/sys/net/ipv4/ip_forward",
        "/proc/sys/net/ipv4/conf/all/send_redirects",
        "/proc/sys/net/ipv4/conf/all/rp_filter",
    )
    return (rules, *(Path(file).read_text() for file in files))


def test_62_this_machines_own_tables_are_never_touched(run_dir: Path) -> None:
    before = host_state()
    network = open_mesh(plan(), run_dir)
    make_sandbox(network, run_dir, ("uid-a", "pod-a", "10.226.1.1"))

    assert host_state() == before
    network.close()
    clean(facts(run_dir))
    assert host_state() == before


def test_62_everything_goes_after_everything_was_killed(run_dir: Path) -> None:
    """The node agent ends without a word; its pods run on; then one call removes them with all they had."""

    async def work() -> None:
        network = open_mesh(plan(), run_dir)
        async with node(network, run_dir) as here:
            here.run("""
metadata: {name: left}
spec:
  containers: [{name: main, image: x/x, command: [sleep, '1000'], volumeMounts: [{name: s, mountPath: /s}]}]
  volumes: [{name: s, emptyDir: {medium: Memory}}]
""")
            await here.api.until(lambda: here.ready("left"))
        network.close()

    asyncio.run(work())
    assert clean(facts(run_dir)) == ()
    assert clean(facts(run_dir)) == (), "twice is no error"
    assert not [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(run_dir) in line]
    assert not list(Path("/sys/fs/cgroup").glob("**/lateen-test-lt49"))
    with Netlink() as here:
        assert not [name for name in here.links() if name.startswith("lt49")]


def test_62_two_meshes_do_not_meet(mesh: MeshNetwork, run_dir: Path) -> None:
    other_dir = Path(tempfile.mkdtemp(prefix="lateen-test-", dir="/run"))

    async def work() -> None:
        other = open_mesh(plan(48), other_dir)
        manifest = "metadata: {name: same}\nspec: {containers: [{name: main, image: x/x, command: [sleep, '1000']}]}"
        async with node(mesh, run_dir) as here, node(other, other_dir) as there:
            for place in (here, there):
                place.run(manifest)
                await place.api.until(lambda place=place: place.ready("same"))
            other.close()
            assert clean(facts(other_dir, 48)) == ()

            assert here.context.cgroups.processes("uid-same", "main"), "the other mesh's pod runs on"
            assert here.container("same", "main")["restartCount"] == 0

    try:
        play(work())
    finally:
        clean(facts(other_dir, 48))


class Jumping:
    """The machine's clock, which somebody sets back an hour."""

    offset = 0.0

    def now(self) -> float:
        return SYSTEM.now() + self.offset

    def monotonic(self) -> float:
        return SYSTEM.monotonic()

    async def sleep(self, seconds: float) -> None:
        await SYSTEM.sleep(seconds)


@pytest.mark.parametrize("jump", [-3600.0, 3600.0])
def test_67_a_clock_that_jumps_delays_no_restart(mesh: MeshNetwork, run_dir: Path, jump: float) -> None:
    async def work() -> None:
        clock = Jumping()
        async with node(mesh, run_dir, clock=clock) as here:
            here.run("""
metadata: {name: again}
spec: {containers: [{name: main, image: x/x, command: [sh, -c, 'sleep 0.5; exit 1']}]}
""")
            await here.api.until(lambda: here.ready("again"))
            clock.offset = jump
            await here.api.until(lambda: here.container("again", "main").get("restartCount") == 1, 5)

    play(work())


def test_67_a_killed_keeper_of_an_exit_code_is_noticed(mesh: MeshNetwork, run_dir: Path) -> None:
    async def work() -> None:
        async with node(mesh, run_dir) as here:
            here.run("metadata: {name: kept}\nspec: {containers: [{name: main, image: x/x, command: [sleep, '1000']}]}")
            await here.api.until(lambda: here.ready("kept"))
            os.kill(here.workers["kept"].runs["main"].inside().shim, 9)
            await here.api.until(lambda: here.container("kept", "main").get("restartCount") == 1)

            last = here.container("kept", "main")["lastState"]["terminated"]
            assert (last["exitCode"], last["reason"]) == (137, "ContainerStatusUnknown")

    play(work())
