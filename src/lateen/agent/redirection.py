"""Traffic redirection of a pod: Istio's iptables chains from checked settings.

In: `Redirection`. Out: rules in order, and their text for `iptables-restore`. The rule: chain names, order and
matches are Istio's, because people read them (`iptables-save`) and because their order is their meaning: exclusions
come before loops back to the pod itself, those before inclusions. All rules go in at one time; a pod is never half
redirected.

    PREROUTING -> ISTIO_INBOUND -> ISTIO_IN_REDIRECT -> 15006
    OUTPUT     -> ISTIO_OUTPUT  -> ISTIO_REDIRECT    -> 15001     (what the proxy itself sends returns early)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from lateen.agent.redirection_settings import Network, Ranges, Redirection

Table = Literal["nat", "mangle", "raw"]
INBOUND = "ISTIO_INBOUND"
OUTPUT = "ISTIO_OUTPUT"
REDIRECT = "ISTIO_REDIRECT"
IN_REDIRECT = "ISTIO_IN_REDIRECT"
DIVERT = "ISTIO_DIVERT"
TPROXY = "ISTIO_TPROXY"
OUTPUT_DNS = "ISTIO_OUTPUT_DNS"
DROP = "ISTIO_DROP"
BUILT_IN = frozenset({"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"})
DNS_PORT = "15053"
# Packets that the proxy sends to its own pod by the pod's address, in TPROXY mode.
OUTBOUND_MARK = "1338"


class Rule(msgspec.Struct, frozen=True):
    """One rule. `position` 0 appends; otherwise it is inserted there. `families` are the IP versions that it is for."""

    table: Table
    chain: str
    words: tuple[str, ...]
    position: int = 0
    families: tuple[int, ...] = (4, 6)


def rules(settings: Redirection) -> tuple[Rule, ...]:
    """All rules in the order in which they are made."""
    return (
        *_interfaces(settings),
        *_dropped(settings),
        *_targets(settings),
        *_inbound(settings),
        *_outbound(settings),
        *_tproxy_marks(settings),
    )


def restore_text(made: Sequence[Rule], family: Literal[4, 6] = 4) -> str:
    """The input of `iptables-restore --noflush` (or `ip6tables-restore`) that makes these rules in one step per
    table.
    """
    mine = [rule for rule in made if family in rule.families]
    lines: list[str] = []
    for table in sorted({rule.table for rule in mine}):
        of_table = [rule for rule in mine if rule.table == table]
        lines.append(f"* {table}")
        lines += [f"-N {chain}" for chain in _own_chains(of_table)]
        lines += [_line(rule) for rule in of_table]
        lines.append("COMMIT")
    return "".join(f"{line}\n" for line in lines)


def supported(settings: Redirection) -> tuple[tuple[str, ...], Redirection]:
    """What is asked for and not served yet, in words, and the settings without it.

    Nobody answers on the agent's DNS port yet: redirecting there would cost the pod all names.
    """
    if not settings.redirect_dns:
        return (), settings
    note = "DNS capture is not honoured yet: names are resolved by the cluster's DNS directly"
    return (note,), msgspec.structs.replace(settings, redirect_dns=False)


def routing_commands(settings: Redirection) -> tuple[tuple[str, ...], ...]:
    """Commands beside the rules: in TPROXY mode marked packets are delivered locally, whatever their address."""
    if settings.mode != "TPROXY":
        return ()
    mark, table = settings.tproxy_mark, settings.tproxy_table
    return (
        ("ip", "-f", "inet", "rule", "add", "fwmark", mark, "lookup", table),
        ("ip", "-f", "inet", "route", "add", "local", "default", "dev", "lo", "table", table),
    )


def _own_chains(made: Iterable[Rule]) -> list[str]:
    return [chain for chain in dict.fromkeys(rule.chain for rule in made) if chain not in BUILT_IN]


def _line(rule: Rule) -> str:
    head = ("-I", rule.chain, str(rule.position)) if rule.position else ("-A", rule.chain)
    return " ".join((*head, *rule.words))


def _nat(chain: str, *words: str) -> Rule:
    return Rule("nat", chain, words)


def _mangle(chain: str, *words: str) -> Rule:
    return Rule("mangle", chain, words)


def _by_family(settings: Redirection, chain: str, words: Sequence[str], table: Table = "nat") -> list[Rule]:
    """The rule with `LOOPBACK` replaced by each family's own loopback range."""
    ranges: tuple[tuple[int, str], ...] = ((4, settings.loopback), (6, "::1/128"))
    return [
        Rule(table, chain, tuple(loopback if word == "LOOPBACK" else word for word in words), families=(family,))
        for family, loopback in ranges
    ]


def _interfaces(settings: Redirection) -> list[Rule]:
    found = []
    for name in settings.exclude_interfaces:
        found += [_nat("PREROUTING", "-i", name, "-j", "RETURN"), _nat("OUTPUT", "-o", name, "-j", "RETURN")]
        if settings.mode == "TPROXY":
            found += [_mangle("PREROUTING", "-i", name, "-j", "RETURN"), _mangle("OUTPUT", "-o", name, "-j", "RETURN")]
    for name in settings.reroute_interfaces:
        found.append(Rule("nat", "PREROUTING", ("-i", name, "-j", "RETURN"), position=1))
    return found


def _dropped(settings: Redirection) -> list[Rule]:
    if not settings.drop_invalid:
        return []
    return [
        _mangle("PREROUTING", "-m", "conntrack", "--ctstate", "INVALID", "-j", DROP),
        _mangle(DROP, "-j", "DROP"),
    ]


def _targets(settings: Redirection) -> list[Rule]:
    """The chains that end a redirection, and the way past them for the tunnel port."""
    return [
        _nat(INBOUND, "-p", "tcp", "--dport", settings.tunnel_port, "-j", "RETURN"),
        _nat(REDIRECT, "-p", "tcp", "-j", "REDIRECT", "--to-ports", settings.proxy_port),
        _nat(IN_REDIRECT, "-p", "tcp", "-j", "REDIRECT", "--to-ports", settings.inbound_port),
    ]


def _inbound(settings: Redirection) -> list[Rule]:
    if not settings.inbound_all and not settings.inbound_include:
        return []
    tproxy = settings.mode == "TPROXY"
    table: Table = "mangle" if tproxy else "nat"
    found = _tproxy_chains(settings) if tproxy else []
    found.append(Rule(table, "PREROUTING", ("-p", "tcp", "-j", INBOUND)))
    if settings.inbound_all:
        found += [
            Rule(table, INBOUND, ("-p", "tcp", "--dport", port, "-j", "RETURN")) for port in settings.inbound_exclude
        ]
        return found + _capture(tproxy, ())
    for port in settings.inbound_include:
        found += _capture(tproxy, ("--dport", port))
    return found


def _capture(tproxy: bool, match: tuple[str, ...]) -> list[Rule]:
    if not tproxy:
        return [_nat(INBOUND, "-p", "tcp", *match, "-j", IN_REDIRECT)]
    established = ("-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED")
    return [
        _mangle(INBOUND, "-p", "tcp", *match, *established, "-j", DIVERT),
        _mangle(INBOUND, "-p", "tcp", *match, "-j", TPROXY),
    ]


def _tproxy_chains(settings: Redirection) -> list[Rule]:
    mark = f"{settings.tproxy_mark}/0xffffffff"
    target = ("-j", "TPROXY", "--tproxy-mark", mark, "--on-port", settings.inbound_port)
    return [
        _mangle(DIVERT, "-j", "MARK", "--set-mark", settings.tproxy_mark),
        _mangle(DIVERT, "-j", "ACCEPT"),
        *_by_family(settings, TPROXY, ("!", "-d", "LOOPBACK", "-p", "tcp", *target), "mangle"),
    ]


def _outbound(settings: Redirection) -> list[Rule]:
    found = [_nat("OUTPUT", "-j", OUTPUT)]
    for port in settings.outbound_exclude:
        found += [_nat(OUTPUT, "-p", protocol, "--dport", port, "-j", "RETURN") for protocol in ("tcp", "udp")]
    found += _from_passthrough()
    for uid in settings.uids:
        found += _from_proxy(settings, "--uid-owner", uid)
    for gid in settings.gids:
        found += _from_proxy(settings, "--gid-owner", gid)
    found += _owner_groups(settings)
    if _dns(settings):
        found += _dns_rules(settings)
    # What names localhost itself stays in the pod.
    found += _by_family(settings, OUTPUT, ("-d", "LOOPBACK", "-j", "RETURN"))
    found += [_to(network, "RETURN") for network in _v4_then_v6(settings.ranges_exclude)]
    found += [_nat(OUTPUT, "-p", "tcp", "--dport", port, "-j", REDIRECT) for port in settings.outbound_include]
    return found + _included(settings)


def _from_passthrough() -> list[Rule]:
    """127.0.0.6 (and ::6) is where the proxy's inbound connections to the application come from."""
    sources = ((4, "127.0.0.6/32"), (6, "::6/128"))
    return [Rule("nat", OUTPUT, ("-o", "lo", "-s", source, "-j", "RETURN"), families=(f,)) for f, source in sources]


def _from_proxy(settings: Redirection, owner: str, value: str) -> list[Rule]:
    """What the proxy's user sends: to the pod's own address it goes through inbound, everything else leaves
    untouched.
    """
    dns = _dns(settings)
    ports: tuple[str, ...] = ("!", "--dport", settings.tunnel_port)
    if dns and owner == "--uid-owner":
        # The agent's own DNS answers must not pass the inbound listener.
        ports = ("-m", "multiport", "!", "--dports", f"53,{settings.tunnel_port}")
    own_address = ("-o", "lo", "!", "-d", "LOOPBACK", "-p", "tcp", *ports, "-m", "owner", owner, value)
    found = _by_family(settings, OUTPUT, (*own_address, "-j", IN_REDIRECT))
    if not settings.ranges_include.has_loopback:
        # The application talking to itself by the pod's address stays on loopback.
        beside = ("-p", "tcp", "!", "--dport", "53") if dns else ()
        found.append(_nat(OUTPUT, "-o", "lo", *beside, "-m", "owner", "!", owner, value, "-j", "RETURN"))
    found.append(_nat(OUTPUT, "-m", "owner", owner, value, "-j", "RETURN"))
    return found


def _owner_groups(settings: Redirection) -> list[Rule]:
    if "*" in settings.groups_include:
        return [_nat(OUTPUT, "-m", "owner", "--gid-owner", gid, "-j", "RETURN") for gid in settings.groups_exclude]
    others = [word for gid in settings.groups_include for word in ("-m", "owner", "!", "--gid-owner", gid)]
    return [_nat(OUTPUT, *others, "-j", "RETURN")]


def _included(settings: Redirection) -> list[Rule]:
    if settings.ranges_include.everything:
        found = [Rule("nat", OUTPUT, ("-j", REDIRECT))]
        found += [_rerouted(name, (), (4, 6)) for name in settings.reroute_interfaces]
        return found
    found = []
    for network in _v4_then_v6(settings.ranges_include):
        family = (network.version,)
        match = ("-d", str(network))
        found += [_rerouted(name, match, family) for name in settings.reroute_interfaces]
        found.append(_to(network, REDIRECT))
    return found


def _rerouted(name: str, match: tuple[str, ...], families: tuple[int, ...]) -> Rule:
    return Rule("nat", "PREROUTING", ("-i", name, *match, "-j", REDIRECT), position=1, families=families)


def _to(network: Network, target: str) -> Rule:
    return Rule("nat", OUTPUT, ("-d", str(network), "-j", target), families=(network.version,))


def _v4_then_v6(ranges: Ranges) -> list[Network]:
    return sorted(ranges.networks, key=lambda network: network.version)


def _dns(settings: Redirection) -> bool:
    known = settings.capture_all_dns or settings.dns_servers or settings.dns_servers_v6
    return settings.redirect_dns and bool(known)


def _servers(settings: Redirection) -> list[tuple[tuple[int, ...], str]]:
    """(families, network) of each name server; one empty network for both families where every server is meant."""
    if settings.capture_all_dns:
        return [((4, 6), "")]
    v4 = [((4,), f"{server}/32") for server in settings.dns_servers]
    return [*v4, *(((6,), f"{server}/128") for server in settings.dns_servers_v6)]


def _dns_rules(settings: Redirection) -> list[Rule]:
    """DNS goes to the agent, except what the proxy itself asks; zones keep both halves of a UDP exchange apart."""
    servers = _servers(settings)
    found = [Rule("raw", "OUTPUT", ("-j", OUTPUT_DNS))]
    families = tuple(sorted({family for of_server, _ in servers for family in of_server}))
    found.append(Rule("nat", OUTPUT, ("-j", OUTPUT_DNS), families=families))
    for protocol, option in (("tcp", "--to-ports"), ("udp", "--to-port")):
        for of_server, network in servers:
            to = ("-d", network) if network else ()
            words = ("-p", protocol, "--dport", "53", *to, "-j", "REDIRECT", option, DNS_PORT)
            found.append(Rule("nat", OUTPUT_DNS, words, families=of_server))
    owners = [("--uid-owner", uid) for uid in settings.uids] + [("--gid-owner", gid) for gid in settings.gids]
    for owner, value in owners:
        match = ("-m", "owner", owner, value, "-j", "CT", "--zone")
        found.append(Rule("raw", OUTPUT_DNS, ("-p", "udp", "--dport", "53", *match, "1")))
        found.append(Rule("raw", OUTPUT_DNS, ("-p", "udp", "--sport", DNS_PORT, *match, "2")))
    return found + _dns_zones(servers, families)


def _dns_zones(servers: Sequence[tuple[tuple[int, ...], str]], families: tuple[int, ...]) -> list[Rule]:
    found = [Rule("raw", "PREROUTING", ("-j", INBOUND), families=families)]
    for of_server, network in servers:
        to, back = (("-d", network), ("-s", network)) if network else ((), ())
        asked = ("-p", "udp", "--dport", "53", *to, "-j", "CT", "--zone", "2")
        answered = ("-p", "udp", "--sport", "53", *back, "-j", "CT", "--zone", "1")
        found.append(Rule("raw", OUTPUT_DNS, asked, families=of_server))
        found.append(Rule("raw", INBOUND, answered, families=of_server))
    return found


def _tproxy_marks(settings: Redirection) -> list[Rule]:
    if settings.mode != "TPROXY":
        return []
    mark = settings.tproxy_mark
    found = [
        _mangle("PREROUTING", "-p", "tcp", "-m", "mark", "--mark", mark, "-j", "CONNMARK", "--save-mark"),
        _mangle("OUTPUT", "-p", "tcp", "-o", "lo", "-m", "mark", "--mark", mark, "-j", "RETURN"),
    ]
    owners = [("--uid-owner", uid) for uid in settings.uids] + [("--gid-owner", gid) for gid in settings.gids]
    for owner, value in owners:
        words = ("!", "-d", "LOOPBACK", "-p", "tcp", "-o", "lo", "-m", "owner", owner, value)
        found += _by_family(settings, "OUTPUT", (*words, "-j", "MARK", "--set-mark", OUTBOUND_MARK), "mangle")
    restore = ("-p", "tcp", "-m", "connmark", "--mark", mark, "-j", "CONNMARK", "--restore-mark")
    return [*found, _mangle("OUTPUT", *restore), *_tproxy_returns(mark)]


def _tproxy_returns(mark: str) -> list[Rule]:
    """First in ISTIO_INBOUND: what was marked already, what comes from the proxy's own address, and the pod talking
    to itself.
    """
    sources = ((4, "127.0.0.6/32"), (6, "::6/128"))
    return [
        Rule("mangle", INBOUND, ("-p", "tcp", "-m", "mark", "--mark", mark, "-j", "RETURN"), position=1),
        *(
            Rule("mangle", INBOUND, ("-p", "tcp", "-s", source, "-i", "lo", "-j", "RETURN"), 2, (family,))
            for family, source in sources
        ),
        Rule(
            "mangle",
            INBOUND,
            ("-p", "tcp", "-i", "lo", "-m", "mark", "!", "--mark", OUTBOUND_MARK, "-j", "RETURN"),
            position=3,
        ),
    ]
