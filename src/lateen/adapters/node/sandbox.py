"""A pod's sandbox: the namespaces that its containers share, and its directory.

In: the pod's uid, host name and address. Out: a `Sandbox` that names the pinned namespaces. Rules kept: the directory
below the run directory is named by the uid, which must look like one (no path tricks); making an existing sandbox
again adopts it; removing one twice is no error.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import msgspec

from lateen.adapters.node.meshnet import NETNS_DIR, MeshNetwork
from lateen.adapters.node.namespaces import NodeError, make_namespaces, mount_points, unpin
from lateen.adapters.node.netlink import Netlink
from lateen.localcluster.network_plan import link_name

__all__ = ["Sandbox", "adopt_sandbox", "make_sandbox", "remove_sandbox"]

_UID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}")


class Sandbox(msgspec.Struct, frozen=True):
    """A pod's shared parts: `netns`, `uts` and `ipc` are paths of pinned namespaces; `ip` its address."""

    uid: str
    hostname: str
    ip: str
    directory: str
    netns: str
    uts: str
    ipc: str
    host_network: bool = False


def make_sandbox(
    mesh: MeshNetwork, run_dir: Path, facts: tuple[str, str, str], *, host_network: bool = False
) -> Sandbox:
    """Make the sandbox of the pod with `facts` = (uid, host name, address).

    A host-network pod shares the mesh's namespace.
    """
    uid, hostname, address = facts
    directory = _directory(run_dir, uid)
    if directory.exists():
        remove_sandbox(mesh, run_dir, uid)  # what a node agent left that was killed half-way
    directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # volumes hold secrets
    kinds = ("uts", "ipc") if host_network else ("net", "uts", "ipc")
    paths = make_namespaces(directory / "ns", kinds, hostname)
    sandbox = Sandbox(
        uid=uid,
        hostname=hostname,
        ip=address,
        directory=str(directory),
        netns=mesh.netns if host_network else paths["net"],
        uts=paths["uts"],
        ipc=paths["ipc"],
        host_network=host_network,
    )
    if not host_network:
        mesh.connect(uid, address, sandbox.netns)
        _publish(mesh, sandbox)
    (directory / "sandbox.json").write_bytes(msgspec.json.encode(sandbox))
    return sandbox


def adopt_sandbox(run_dir: Path, uid: str) -> Sandbox | None:
    """The sandbox that an earlier node agent completed, if its namespaces are still pinned."""
    file = _directory(run_dir, uid) / "sandbox.json"
    try:
        sandbox = msgspec.json.decode(file.read_bytes(), type=Sandbox)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    pinned = mount_points(f"{run_dir}/")
    return sandbox if {sandbox.uts, sandbox.ipc, sandbox.netns} <= set(pinned) else None


def remove_sandbox(mesh: MeshNetwork, run_dir: Path, uid: str) -> None:
    """Remove a pod's link, namespaces, mounts and directory; its processes must be gone."""
    directory = _directory(run_dir, uid)
    mesh.disconnect(uid)
    (NETNS_DIR / link_name(mesh.plan.prefix, uid)).unlink(missing_ok=True)
    for path in reversed(mount_points(f"{directory}/")):
        unpin(path)
    shutil.rmtree(directory, ignore_errors=True)


def loopback_up(netns: str) -> None:
    """Bring `lo` up in a namespace that has no link to the mesh."""
    with Netlink(netns) as inside:
        inside.set_up(inside.index("lo"))


def _publish(mesh: MeshNetwork, sandbox: Sandbox) -> None:
    """Name the namespace after its link, so that `ip netns exec` reaches a pod too."""
    link = NETNS_DIR / link_name(mesh.plan.prefix, sandbox.uid)
    link.unlink(missing_ok=True)
    link.symlink_to(sandbox.netns)


def _directory(run_dir: Path, uid: str) -> Path:
    if not _UID.fullmatch(uid):
        raise NodeError(f"pod uid {uid[:70]!r} is not a uid")
    return run_dir / "pods" / uid
