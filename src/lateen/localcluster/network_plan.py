"""The local mesh's network as text: addresses, names of links, sysctls, and the rules that stand for Services.

In: the mesh's number and ranges, Services with their endpoints. Out: frozen plans and scripts for `nft -f`. Rules
kept: every name begins with the mesh's prefix; a Service address leads only to its own endpoints; one without
endpoints is refused at once; a change of one Service rewrites that Service's chain only, in one transaction.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Mapping

import msgspec

__all__ = ["Backend", "MeshPlan", "ServicePort", "link_name", "pod_address", "pod_mac", "rules_base", "rules_delta"]

TABLE = "lateen"


class MeshPlan(msgspec.Struct, frozen=True):
    """Names and addresses of one mesh's network; see `app.instance.Instance`, from which it is filled."""

    prefix: str
    netns: str
    pod_cidr: str
    service_cidr: str
    gateway: str
    host_address: str
    mesh_address: str
    dns_address: str
    kubernetes_address: str
    api_port: int

    @property
    def bridge(self) -> str:
        return f"{self.prefix}br"

    @property
    def host_link(self) -> str:
        return f"{self.prefix}h"

    @property
    def mesh_link(self) -> str:
        return f"{self.prefix}m"


class Backend(msgspec.Struct, frozen=True, order=True):
    """An endpoint behind a Service port."""

    address: str
    port: int


class ServicePort(msgspec.Struct, frozen=True, order=True):
    """One (address, protocol, port) of a Service and where it leads. `sticky` is `sessionAffinity: ClientIP`."""

    address: str
    protocol: str
    port: int
    backends: tuple[Backend, ...] = ()
    sticky: bool = False

    @property
    def chain(self) -> str:
        """Name of this port's chain; a hash, because names from manifests must not reach nft's parser."""
        digest = hashlib.sha256(f"{self.address}/{self.protocol}/{self.port}".encode()).hexdigest()
        return f"svc_{digest[:16]}"

    @property
    def element(self) -> str:
        return f"{self.address} . {self.protocol} . {self.port}"


def link_name(prefix: str, uid: str) -> str:
    """The mesh end of a pod's veth pair, at most 15 characters."""
    return f"{prefix}p{hashlib.sha256(uid.encode()).hexdigest()[:9]}"


def pod_mac(address: str) -> str:
    """A MAC address that follows from the pod's address: a reused address then needs no new neighbour entry."""
    return "0a:58:" + ":".join(f"{octet:02x}" for octet in ipaddress.IPv4Address(address).packed)


def pod_address(cidr: str, taken: Iterable[str], last: str = "") -> str:
    """The next free pod address after `last`, so that a freed address rests before it is used again; "" if none is
    free.

    The first 256 addresses and the last 256 of the range are the mesh's own.
    """
    network = ipaddress.IPv4Network(cidr)
    first, count = int(network.network_address) + 256, network.num_addresses - 512
    used = {int(ipaddress.IPv4Address(address)) for address in taken}
    start = int(ipaddress.IPv4Address(last)) - first + 1 if last else 0
    for step in range(count):
        candidate = first + (start + step) % count
        if candidate not in used and candidate & 0xFF not in (0, 255):
            return str(ipaddress.IPv4Address(candidate))
    return ""


SYSCTLS: Mapping[str, str] = {
    "net/ipv4/ip_forward": "1",
    "net/ipv4/conf/all/send_redirects": "0",
    "net/ipv4/conf/default/send_redirects": "0",
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/default/rp_filter": "0",
    "net/ipv6/conf/all/disable_ipv6": "1",
    "net/ipv6/conf/default/disable_ipv6": "1",
    "net/bridge/bridge-nf-call-iptables": "0",
}
"""Of the mesh's namespace: it forwards between pods that share one bridge, and must not tell them a shorter way.

The last one: otherwise the bridge itself would translate Service addresses and try to pass packets from port to port,
which isolation forbids.
"""

POD_SYSCTLS: Mapping[str, str] = {
    "net/ipv6/conf/default/disable_ipv6": "1",
    "net/ipv4/ip_unprivileged_port_start": "0",
    "net/ipv4/ping_group_range": "0 2147483647",
}
"""Of a pod's namespace: as containerd sets them, so that no capability is needed for port 80 or for ping."""


def rules_base(plan: MeshPlan) -> str:
    """The whole table without any Service, replacing an older one in the same transaction."""
    kubernetes = f"{plan.kubernetes_address} . tcp . 443"
    return f"""
table ip {TABLE} {{ }}
delete table ip {TABLE}
table ip {TABLE} {{
  map services {{ type ipv4_addr . inet_proto . inet_service : verdict; }}
  set hairpins {{ type ipv4_addr . ipv4_addr; }}
  chain kubernetes {{ meta l4proto tcp dnat to {plan.host_address}:{plan.api_port}; }}
  chain dispatch {{ ip daddr . meta l4proto . th dport vmap @services; }}
  chain prerouting {{ type nat hook prerouting priority dstnat; jump dispatch; }}
  chain output {{ type nat hook output priority -100; jump dispatch; }}
  chain postrouting {{
    type nat hook postrouting priority srcnat;
    ct status dnat ip saddr . ip daddr @hairpins masquerade
  }}
  chain refuse {{
    ip daddr {plan.dns_address} accept
    ip daddr {plan.service_cidr} meta l4proto tcp reject with tcp reset
    ip daddr {plan.service_cidr} reject with icmp type port-unreachable
  }}
  chain forward {{
    type filter hook forward priority filter; policy drop;
    jump refuse
    ip daddr {plan.pod_cidr} accept
    ip saddr {plan.host_address} accept
    meta l4proto tcp reject with tcp reset
    reject with icmp type net-unreachable
  }}
  chain input {{ type filter hook input priority filter; jump refuse; }}
  chain locally {{ type filter hook output priority filter; jump refuse; }}
}}
add element ip {TABLE} services {{ {kubernetes} : goto kubernetes }}
"""


def _chain_rules(port: ServicePort) -> list[str]:
    backends = sorted(set(port.backends))
    if not backends:
        return []
    head = f"add rule ip {TABLE} {port.chain} meta l4proto {port.protocol} dnat to"
    if len(backends) == 1:
        return [f"{head} {backends[0].address}:{backends[0].port}"]
    choice = f"jhash ip saddr mod {len(backends)}" if port.sticky else f"numgen random mod {len(backends)}"
    targets = ", ".join(f"{number} : {backend.address} . {backend.port}" for number, backend in enumerate(backends))
    return [
        f"add rule ip {TABLE} {port.chain} meta l4proto {port.protocol} "
        f"dnat ip addr . port to {choice} map {{ {targets} }}"
    ]


def _hairpins(ports: Iterable[ServicePort]) -> set[str]:
    return {backend.address for port in ports for backend in port.backends}


def rules_delta(old: Mapping[str, ServicePort], new: Mapping[str, ServicePort]) -> str:
    """The script that turns the Services `old` into `new` (each by its chain's name); "" if nothing differs.

    A port without backends has no element in the map: the packet keeps the Service's address and is refused.
    """
    before = {name: port for name, port in old.items() if port.backends}
    after = {name: port for name, port in new.items() if port.backends}
    lines: list[str] = []
    gone = [before[name] for name in sorted(before.keys() - after.keys())]
    for port in gone:
        lines.append(f"delete element ip {TABLE} services {{ {port.element} }}")
        lines.append(f"flush chain ip {TABLE} {port.chain}")
    lines += [f"delete chain ip {TABLE} {port.chain}" for port in gone]
    for name in sorted(after):
        port = after[name]
        if name not in before:
            lines.append(f"add chain ip {TABLE} {name}")
            lines += _chain_rules(port)
            lines.append(f"add element ip {TABLE} services {{ {port.element} : goto {name} }}")
        elif before[name] != port:
            lines.append(f"flush chain ip {TABLE} {name}")
            lines += _chain_rules(port)
    lines += _hairpin_lines(_hairpins(before.values()), _hairpins(after.values()))
    return "".join(f"{line}\n" for line in lines)


def _hairpin_lines(before: set[str], after: set[str]) -> list[str]:
    lines = []
    for verb, addresses in (("delete", before - after), ("add", after - before)):
        if addresses:
            pairs = ", ".join(f"{address} . {address}" for address in sorted(addresses))
            lines.append(f"{verb} element ip {TABLE} hairpins {{ {pairs} }}")
    return lines
