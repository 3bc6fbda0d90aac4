"""One local mesh on this machine: its name, number, addresses and directories.

Every process of a mesh reads the same `mesh.json`, so that nobody derives an address or a path twice. What goes in: a
mesh name, a free number, the state and run directories. What comes out: a frozen `Instance`. The number (0 to 49)
selects the address ranges and the names of links and namespaces, so two meshes never share either.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path

import msgspec

MAX_INSTANCES = 50
CLUSTER_DOMAIN = "cluster.local"
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")


class InstanceError(Exception):
    """A mesh cannot be named, numbered or found; the message says what to do."""


class HostPort(msgspec.Struct, frozen=True):
    """A loopback port of this machine that leads to a port of a Service."""

    host_port: int
    namespace: str
    service: str
    port: int
    address: str = "127.0.0.1"


class Instance(msgspec.Struct, frozen=True):
    """Facts of one local mesh. Paths are absolute; CIDRs are IPv4; `owner_uid`/`owner_gid` is who called sudo."""

    name: str
    index: int
    state_dir: str
    run_dir: str
    api_port: int
    owner_uid: int = 0
    owner_gid: int = 0
    host_ports: tuple[HostPort, ...] = ()
    cluster_domain: str = CLUSTER_DOMAIN
    node_name: str = "lateen"

    @property
    def pod_cidr(self) -> str:
        return f"10.{128 + 2 * self.index}.0.0/16"

    @property
    def service_cidr(self) -> str:
        return f"10.{129 + 2 * self.index}.0.0/16"

    @property
    def gateway_address(self) -> str:
        """The mesh namespace's address on the bridge: every pod's default gateway."""
        return f"10.{128 + 2 * self.index}.0.1"

    @property
    def host_address(self) -> str:
        """The host's end of the veth pair (/30) into the mesh namespace."""
        return f"10.{128 + 2 * self.index}.255.1"

    @property
    def mesh_address(self) -> str:
        """The mesh namespace's end of the veth pair to the host."""
        return f"10.{128 + 2 * self.index}.255.2"

    @property
    def kubernetes_address(self) -> str:
        """ClusterIP of the Service `kubernetes`."""
        return f"10.{129 + 2 * self.index}.0.1"

    @property
    def dns_address(self) -> str:
        """ClusterIP of the Service `kube-dns`."""
        return f"10.{129 + 2 * self.index}.0.10"

    @property
    def mesh_netns(self) -> str:
        return f"lt{self.index}-mesh"

    @property
    def link_prefix(self) -> str:
        """First letters of every link's name; with a suffix of at most ten characters it fits the kernel's 15."""
        return f"lt{self.index}"

    @property
    def node_socket(self) -> str:
        return f"{self.run_dir}/node.sock"

    @property
    def kubeconfig(self) -> str:
        return f"{self.state_dir}/kubeconfig"

    @property
    def node_kubeconfig(self) -> str:
        return f"{self.state_dir}/node.kubeconfig"

    @property
    def pki_dir(self) -> str:
        return f"{self.state_dir}/pki"

    @property
    def log_dir(self) -> str:
        return f"{self.state_dir}/logs"

    @property
    def api_url(self) -> str:
        return f"https://127.0.0.1:{self.api_port}"

    def contains(self, address: str) -> bool:
        """Whether an IPv4 address is a pod's or a Service's of this mesh."""
        parsed = ipaddress.ip_address(address)
        return any(parsed in ipaddress.ip_network(cidr) for cidr in (self.pod_cidr, self.service_cidr))


def check_name(name: str) -> str:
    """The name itself, if it can stand in file, link and DNS names; `InstanceError` otherwise."""
    if not NAME.fullmatch(name):
        raise InstanceError(
            f"mesh name {name[:40]!r}: use 1 to 32 lower-case letters, digits and '-', "
            "beginning and ending with a letter or digit"
        )
    return name


def load(path: str | Path) -> Instance:
    """Read a `mesh.json`. Raises `InstanceError` when it is missing or broken."""
    try:
        return msgspec.json.decode(Path(path).read_bytes(), type=Instance)
    except FileNotFoundError:
        raise InstanceError(f"{path}: no such mesh; start one with `lateen up`") from None
    except msgspec.DecodeError as error:
        raise InstanceError(f"{path}: not a mesh description ({error}); remove it and run `lateen up` again") from None


def save(instance: Instance) -> Path:
    """Write the instance's `mesh.json` at once or not at all, and return its path."""
    path = Path(instance.state_dir) / "mesh.json"
    draft = path.with_suffix(".draft")
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(instance), indent=2))
    draft.replace(path)
    return path
