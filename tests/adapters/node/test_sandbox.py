"""Pods' networks without any API server: two sandboxes reach each other, a Service address leads to one, all goes
away.
"""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lateen.adapters.node.cleanup import Leftovers, clean
from lateen.adapters.node.meshnet import MeshNetwork, apply_rules, open_mesh
from lateen.adapters.node.namespaces import in_netns
from lateen.adapters.node.netlink import Netlink
from lateen.adapters.node.sandbox import adopt_sandbox, make_sandbox, remove_sandbox
from lateen.localcluster.network_plan import Backend, ServicePort, rules_delta
from tests.adapters.node.conftest import NUMBER, plan

pytestmark = pytest.mark.root

A, B = "10.226.1.1", "10.226.1.2"
SERVICE = "10.227.3.4"


def serve(netns: str, port: int) -> None:
    """Answer each connection in the namespace with its peer's address, until the test process ends."""

    def listen() -> socket.socket:
        return socket.create_server(("0.0.0.0", port))

    listener = in_netns(netns, listen)

    def loop() -> None:
        while True:
            try:
                connection, peer = listener.accept()
            except OSError:
                return
            with connection:
                connection.sendall(peer[0].encode())

    threading.Thread(target=loop, daemon=True).start()


def ask(netns: str, address: str, port: int) -> str:
    def connect() -> str:
        with socket.create_connection((address, port), timeout=3) as connection:
            return connection.recv(100).decode()

    return in_netns(netns, connect) if netns else connect()


def test_two_pods_and_the_host_reach_each_other_by_address_and_by_service(mesh: MeshNetwork, run_dir: Path) -> None:
    one = make_sandbox(mesh, run_dir, ("uid-a", "pod-a", A))
    two = make_sandbox(mesh, run_dir, ("uid-b", "pod-b", B))
    serve(two.netns, 8080)
    port = ServicePort(SERVICE, "tcp", 80, (Backend(B, 8080),))
    apply_rules(mesh.netns, rules_delta({}, {port.chain: port}))

    assert ask(one.netns, B, 8080) == A
    assert ask(one.netns, SERVICE, 80) == A
    assert ask("", B, 8080) == mesh.plan.host_address
    assert ask("", SERVICE, 80) == mesh.plan.host_address
    assert ask(two.netns, SERVICE, 80) == mesh.plan.gateway, "a pod reaches itself through its Service"


def test_a_service_without_endpoints_is_refused_at_once(mesh: MeshNetwork, run_dir: Path) -> None:
    one = make_sandbox(mesh, run_dir, ("uid-a", "pod-a", A))
    port = ServicePort(SERVICE, "tcp", 80, (Backend(B, 8080), Backend(A, 8080)))
    apply_rules(mesh.netns, rules_delta({}, {port.chain: port}))
    apply_rules(mesh.netns, rules_delta({port.chain: port}, {port.chain: ServicePort(SERVICE, "tcp", 80)}))
    for where in (one.netns, ""):
        begun = time.monotonic()
        with pytest.raises(ConnectionRefusedError):
            ask(where, SERVICE, 80)

        assert time.monotonic() - begun < 1


def test_a_sandbox_is_adopted_and_removed(mesh: MeshNetwork, run_dir: Path) -> None:
    made = make_sandbox(mesh, run_dir, ("uid-a", "pod-a", A))

    assert adopt_sandbox(run_dir, "uid-a") == made
    again = open_mesh(plan(), run_dir)
    again.close()
    remove_sandbox(mesh, run_dir, "uid-a")
    remove_sandbox(mesh, run_dir, "uid-a")

    assert adopt_sandbox(run_dir, "uid-a") is None
    assert not Path(made.directory).exists()


def test_clean_leaves_nothing(run_dir: Path) -> None:
    network = open_mesh(plan(), run_dir)
    make_sandbox(network, run_dir, ("uid-a", "pod-a", A))
    network.close()

    assert clean(Leftovers(str(run_dir), f"lt{NUMBER}", f"lt{NUMBER}-mesh", "lateen-test")) == ()
    assert not run_dir.exists()
    assert not [name for name in Path("/run/netns").iterdir() if name.name.startswith(f"lt{NUMBER}")]
    with Netlink() as here:
        assert not [name for name in here.links() if name.startswith(f"lt{NUMBER}")]


def test_twenty_pods_are_connected_quickly(mesh: MeshNetwork, run_dir: Path) -> None:
    begun = time.monotonic()
    for number in range(20):
        make_sandbox(mesh, run_dir, (f"uid-{number}", f"pod-{number}", f"10.226.2.{number + 1}"))

    assert time.monotonic() - begun < 4


def test_sandboxes_are_made_in_several_threads_at_once(mesh: MeshNetwork, run_dir: Path) -> None:
    facts = [(f"uid-{number}", f"pod-{number}", f"10.226.3.{number + 1}") for number in range(16)]
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda fact: make_sandbox(mesh, run_dir, fact), facts))

    assert [sandbox.ip for sandbox in made] == [fact[2] for fact in facts]


def test_a_half_made_sandbox_is_made_anew(mesh: MeshNetwork, run_dir: Path) -> None:
    make_sandbox(mesh, run_dir, ("uid-a", "pod-a", A))
    Path(run_dir, "pods", "uid-a", "sandbox.json").unlink()

    assert adopt_sandbox(run_dir, "uid-a") is None
    assert make_sandbox(mesh, run_dir, ("uid-a", "pod-a", A)) == adopt_sandbox(run_dir, "uid-a")
