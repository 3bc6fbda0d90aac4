"""What a pod wants redirected: the settings behind `istio-iptables`.

In: the arguments of the init container (`istio-iptables -p 15001 -z 15006 -u 1337 ...`) or the environment of the
same names. Out: `Redirection`. The rule: names, defaults and list syntax are Istio's; a value that could not be an
iptables argument (a port that is no number, a range that is no network, an interface with a space) is refused with
the flag's name, so that no text of a pod's author ever reaches a rule unchecked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Literal

import msgspec

Network = IPv4Network | IPv6Network

_INTERFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:+-]{0,14}\Z")
_OWNER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}\Z")


class RedirectionError(ValueError):
    """A redirection setting is unusable; the message names the flag, the value and what is expected."""


class Ranges(msgspec.Struct, frozen=True):
    """Networks, or everything (`*`)."""

    everything: bool = False
    networks: tuple[Network, ...] = ()

    @property
    def has_loopback(self) -> bool:
        """Whether the user named a loopback address himself: then loopback traffic is captured too."""
        return any(network.is_loopback for network in self.networks)


class Redirection(msgspec.Struct, frozen=True):
    """All settings, checked. Ports are texts as iptables takes them (`80`, never a service name)."""

    proxy_port: str = "15001"
    inbound_port: str = "15006"
    tunnel_port: str = "15008"
    uids: tuple[str, ...] = ("1337",)
    gids: tuple[str, ...] = ("1337",)
    mode: Literal["REDIRECT", "TPROXY", "NONE"] = "REDIRECT"
    inbound_all: bool = False
    inbound_include: tuple[str, ...] = ()
    inbound_exclude: tuple[str, ...] = ()
    outbound_include: tuple[str, ...] = ()
    outbound_exclude: tuple[str, ...] = ()
    ranges_include: Ranges = Ranges()
    ranges_exclude: Ranges = Ranges()
    groups_include: tuple[str, ...] = ("*",)
    groups_exclude: tuple[str, ...] = ()
    reroute_interfaces: tuple[str, ...] = ()
    exclude_interfaces: tuple[str, ...] = ()
    loopback: str = "127.0.0.1/32"
    tproxy_mark: str = "1337"
    tproxy_table: str = "133"
    redirect_dns: bool = False
    capture_all_dns: bool = False
    dns_servers: tuple[str, ...] = ()
    dns_servers_v6: tuple[str, ...] = ()
    drop_invalid: bool = False


_VALUE_FLAGS = {
    "-p": "envoy-port",
    "-z": "inbound-capture-port",
    "-e": "inbound-tunnel-port",
    "-u": "proxy-uid",
    "-g": "proxy-gid",
    "-m": "istio-inbound-interception-mode",
    "-b": "istio-inbound-ports",
    "-d": "istio-local-exclude-ports",
    "-i": "istio-service-cidr",
    "-x": "istio-service-exclude-cidr",
    "-q": "istio-outbound-ports",
    "-o": "istio-local-outbound-ports-exclude",
    "-k": "istio-kubevirt-interfaces",
    "-c": "istio-exclude-interfaces",
    "-t": "istio-inbound-tproxy-mark",
    "-r": "istio-inbound-tproxy-route-table",
}
_LONG_FLAGS = frozenset(_VALUE_FLAGS.values()) | {"log_output_level", "host-ipv4-loopback-cidr", "network-namespace"}
_SWITCHES = frozenset(
    {"log_as_json", "redirect-dns", "capture-all-dns", "drop-invalid", "force-apply", "skip-rule-apply"}
    | {"run-validation", "dry-run", "native-nftables", "reconcile", "cleanup-only", "dual-stack"}
)


def parse_redirection(arguments: Sequence[str], env: Mapping[str, str], dns_servers: Sequence[str] = ()) -> Redirection:
    """The settings that `arguments` (beginning with `istio-iptables`) and the container's `env` ask for.

    `dns_servers` are the name servers of the pod, needed only for DNS capture. Raises `RedirectionError`.
    """
    flags = _flags(arguments)
    inbound = _list(flags.get("istio-inbound-ports", ""))
    groups, excluded_groups = "ISTIO_OUTBOUND_OWNER_GROUPS", "ISTIO_OUTBOUND_OWNER_GROUPS_EXCLUDE"
    return Redirection(
        proxy_port=_port("-p", flags.get("envoy-port") or "15001"),
        inbound_port=_port("-z", flags.get("inbound-capture-port") or "15006"),
        tunnel_port=_port("-e", flags.get("inbound-tunnel-port") or "15008"),
        uids=_owners("-u", flags.get("proxy-uid") or "1337"),
        gids=_owners("-g", flags.get("proxy-gid") or flags.get("proxy-uid") or "1337"),
        mode=_mode(flags.get("istio-inbound-interception-mode") or "REDIRECT"),
        inbound_all=inbound == ["*"],
        inbound_include=() if inbound == ["*"] else _ports("-b", inbound),
        inbound_exclude=_ports("-d", _list(flags.get("istio-local-exclude-ports", ""))),
        outbound_include=_ports("-q", _list(flags.get("istio-outbound-ports", ""))),
        outbound_exclude=_ports("-o", _list(flags.get("istio-local-outbound-ports-exclude", ""))),
        ranges_include=_ranges("-i", flags.get("istio-service-cidr", "")),
        ranges_exclude=_excluded_ranges(flags.get("istio-service-exclude-cidr", "")),
        groups_include=_owners(groups, env.get(groups) or "*"),
        groups_exclude=_owners(excluded_groups, env.get(excluded_groups, "")),
        reroute_interfaces=_interfaces("-k", flags.get("istio-kubevirt-interfaces", "")),
        exclude_interfaces=_interfaces("-c", flags.get("istio-exclude-interfaces", "")),
        loopback=_loopback(flags.get("host-ipv4-loopback-cidr") or "127.0.0.1/32"),
        tproxy_mark=_number("-t", flags.get("istio-inbound-tproxy-mark") or "1337"),
        tproxy_table=_number("-r", flags.get("istio-inbound-tproxy-route-table") or "133"),
        redirect_dns=_true(env, "ISTIO_META_DNS_CAPTURE") or "redirect-dns" in flags,
        capture_all_dns=_true(env, "CAPTURE_ALL_DNS") or "capture-all-dns" in flags,
        dns_servers=_servers(dns_servers, 4),
        dns_servers_v6=_servers(dns_servers, 6),
        drop_invalid=_true(env, "INVALID_DROP") or "drop-invalid" in flags,
    )


def _flags(arguments: Sequence[str]) -> dict[str, str]:
    if not arguments or arguments[0] != "istio-iptables":
        raise RedirectionError(f"the arguments must begin with `istio-iptables`, found {list(arguments[:1])}")
    flags: dict[str, str] = {}
    rest = iter(arguments[1:])
    for word in rest:
        name, equals, value = word.partition("=")
        name = _VALUE_FLAGS.get(name, name.removeprefix("--"))
        if name in _SWITCHES:
            flags[name] = value or "true"
            continue
        if name not in _LONG_FLAGS:
            raise RedirectionError(f"argument {word!r} of istio-iptables is not known")
        given = value if equals else next(rest, None)
        if given is None:
            raise RedirectionError(f"argument {word!r} of istio-iptables needs a value")
        flags[name] = given
    return {name: value for name, value in flags.items() if value != "false"}


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _port(flag: str, text: str) -> str:
    if not (text.isascii() and text.isdigit()) or not 0 < int(text) < 65536:
        raise RedirectionError(f"{flag}: {text[:20]!r} is not a port number from 1 to 65535")
    return str(int(text))


def _ports(flag: str, parts: Sequence[str]) -> tuple[str, ...]:
    return tuple(_port(flag, part) for part in parts)


def _number(flag: str, text: str) -> str:
    if not (text.isascii() and text.isdigit()):
        raise RedirectionError(f"{flag}: {text[:20]!r} is not a number")
    return text


def _owners(flag: str, text: str) -> tuple[str, ...]:
    parts = _list(text)
    for part in parts:
        if part != "*" and _OWNER.match(part) is None:
            raise RedirectionError(f"{flag}: {part[:40]!r} is not a user or group")
    return tuple(parts)


def _interfaces(flag: str, text: str) -> tuple[str, ...]:
    parts = _list(text)
    for part in parts:
        if _INTERFACE.match(part) is None:
            raise RedirectionError(f"{flag}: {part[:40]!r} is not the name of a network interface")
    return tuple(parts)


def _mode(text: str) -> Literal["REDIRECT", "TPROXY", "NONE"]:
    if text == "REDIRECT":
        return "REDIRECT"
    if text == "TPROXY":
        return "TPROXY"
    if text == "NONE":
        return "NONE"
    raise RedirectionError(f"-m: {text[:40]!r} is not an interception mode: use REDIRECT, TPROXY or NONE")


def _ranges(flag: str, text: str) -> Ranges:
    parts = _list(text)
    if parts == ["*"]:
        return Ranges(everything=True)
    try:
        return Ranges(networks=tuple(ip_network(part, strict=False) for part in parts))
    except ValueError as error:
        raise RedirectionError(f"{flag}: {error}; expected networks such as 10.0.0.0/8, or * alone") from error


def _loopback(text: str) -> str:
    (network,) = _ranges("--host-ipv4-loopback-cidr", text).networks or (None,)
    if network is None or network.version != 4:
        raise RedirectionError(f"--host-ipv4-loopback-cidr: {text[:40]!r} is not one IPv4 network")
    # As written: 127.0.0.1/8 is what people look for in the rules afterwards.
    return text


def _servers(servers: Sequence[str], version: int) -> tuple[str, ...]:
    """The name servers of one IP version.

    What is no address cannot come from a resolv.conf that works; it is left out.
    """
    found = []
    for server in servers:
        try:
            address = ip_address(server)
        except ValueError:
            continue
        if address.version == version:
            found.append(server)
    return tuple(found)


def _excluded_ranges(text: str) -> Ranges:
    ranges = _ranges("-x", text)
    if ranges.everything:
        raise RedirectionError("-x: * would exclude everything; name the networks to exclude")
    return ranges


def _true(env: Mapping[str, str], name: str) -> bool:
    return env.get(name, "").lower() in ("true", "1")
