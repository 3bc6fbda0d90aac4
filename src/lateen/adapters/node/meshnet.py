"""The mesh's own network namespace: a bridge for the pods, a link to this machine, and the rules for Service addresses.

In: a `MeshPlan` and scripts from `localcluster.network_plan`. Out: links and rules in the kernel. Rules kept: this
machine's own tables and sysctls are never touched (only a link and two routes that leave with it are added); making
what exists already is no error, so a node agent that comes back adopts it, and Services go on answering meanwhile.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Mapping
from pathlib import Path

from lateen.adapters.node.namespaces import NodeError, in_netns, make_namespaces, run_in
from lateen.adapters.node.netlink import Netlink, Peer
from lateen.localcluster.network_plan import POD_SYSCTLS, SYSCTLS, MeshPlan, link_name, pod_mac, rules_base

__all__ = ["MeshNetwork", "apply_rules", "open_mesh"]

NETNS_DIR = Path("/run/netns")


class MeshNetwork:
    """The open mesh network: `plan`, `netns` (path of the namespace) and a netlink channel into it."""

    def __init__(self, plan: MeshPlan, netns: str) -> None:
        self.plan = plan
        self.netns = netns
        self._netlink = Netlink(netns)
        self.bridge = self._netlink.index(plan.bridge)

    def close(self) -> None:
        self._netlink.close()

    def connect(self, uid: str, address: str, netns: str) -> None:
        """Give the pod namespace at `netns` an `eth0` with `address`; everything it sends goes through the mesh
        namespace.
        """
        name = link_name(self.plan.prefix, uid)
        in_netns(netns, lambda: write_sysctls(POD_SYSCTLS))
        self._netlink.delete_link(name)
        self._netlink.add_veth(name, Peer(("eth0", netns, pod_mac(address))), master=self.bridge)
        port = self._netlink.index(name)
        self._netlink.isolate_port(port)
        self._netlink.fix_port(port, pod_mac(address))
        self._netlink.add_neighbour(self.bridge, address, pod_mac(address))
        with Netlink(netns) as inside:
            links = inside.links()
            inside.set_up(links["lo"])
            inside.set_up(links["eth0"])
            inside.add_address(links["eth0"], f"{address}/32")
            inside.add_neighbour(links["eth0"], self.plan.gateway, pod_mac(self.plan.gateway))
            inside.add_route(f"{self.plan.gateway}/32", links["eth0"])
            inside.add_route("0.0.0.0/0", links["eth0"], self.plan.gateway)

    def disconnect(self, uid: str) -> None:
        """Remove a pod's link."""
        self._netlink.delete_link(link_name(self.plan.prefix, uid))


def open_mesh(plan: MeshPlan, run_dir: Path) -> MeshNetwork:
    """Make the mesh's namespace with its bridge, host link and rules, or adopt the one that is there."""
    run_dir.mkdir(parents=True, exist_ok=True, mode=0o711)
    path = run_dir / "mesh" / "net"
    fresh = not _is_pinned(path)
    if fresh:
        make_namespaces(path.parent, ("net",))
        _name(plan.netns, path)
        in_netns(str(path), lambda: write_sysctls(SYSCTLS))
    with Netlink(str(path)) as inside:
        _inner_links(plan, inside)
    _host_link(plan, str(path))
    if fresh:
        apply_rules(str(path), rules_base(plan))
    return MeshNetwork(plan, str(path))


def apply_rules(netns: str, script: str) -> None:
    """Load a script with nft in the mesh's namespace, as one transaction."""
    done = run_in(netns, ["nft", "-f", "-"], script.encode())
    if done.code:
        raise NodeError(f"nft refused the rules for Service addresses: {done.err.strip()}")


def write_sysctls(values: Mapping[str, str]) -> None:
    """Set the calling thread's network settings; a setting that this kernel lacks is left out."""
    for name, value in values.items():
        with contextlib.suppress(FileNotFoundError):
            Path("/proc/sys", name).write_text(value)


def _is_pinned(path: Path) -> bool:
    """Whether a namespace is mounted there: its file then lies on another device than its directory."""
    try:
        return os.stat(path).st_dev != os.stat(path.parent).st_dev
    except FileNotFoundError:
        return False


def _name(name: str, path: Path) -> None:
    """Let `ip netns exec <name>` find the namespace."""
    NETNS_DIR.mkdir(parents=True, exist_ok=True)
    link = NETNS_DIR / name
    link.unlink(missing_ok=True)
    link.symlink_to(path)


def _inner_links(plan: MeshPlan, inside: Netlink) -> None:
    loopback = inside.index("lo")
    inside.set_up(loopback)
    inside.add_address(loopback, f"{plan.dns_address}/32")
    bridge = inside.index(plan.bridge) or inside.add_bridge(plan.bridge, pod_mac(plan.gateway))
    inside.add_address(bridge, f"{plan.gateway}/16")
    inside.add_route(plan.service_cidr, bridge)  # never travelled: only routed packets meet the rules that refuse them


def _host_link(plan: MeshPlan, netns: str) -> None:
    with Netlink() as outside, Netlink(netns) as inside:
        if not outside.index(plan.host_link):
            outside.add_veth(plan.host_link, Peer((plan.mesh_link, netns, "")))
        here, there = outside.index(plan.host_link), inside.index(plan.mesh_link)
        inside.set_up(there)
        outside.add_address(here, f"{plan.host_address}/30")
        inside.add_address(there, f"{plan.mesh_address}/30")
        for cidr in (plan.pod_cidr, plan.service_cidr):
            _route(outside, cidr, here, plan)


def _route(outside: Netlink, cidr: str, link: int, plan: MeshPlan) -> None:
    try:
        outside.add_route(cidr, link, plan.mesh_address)
    except OSError as error:
        if error.errno == errno.EEXIST:
            raise NodeError(
                f"another route for {cidr} exists on this machine; choose another mesh number or remove it"
            ) from None
        raise
