"""Suite `iptables`: redirection settings to the commands that are executed, line by line.

A case's fields become the arguments and variables of `istio-iptables`, as an init container would have them. State is
looked at before and after, and each IP version's rules go in through one `iptables-restore`.
"""

from collections.abc import Mapping
from typing import Any

from lateen.agent.redirection import restore_text, rules
from lateen.agent.redirection_settings import parse_redirection
from tests.conformance.corpus import Case, Suite
from tests.conformance.scoring import MismatchError

_FLAGS = {
    "ProxyPort": "-p",
    "InboundCapturePort": "-z",
    "InboundTunnelPort": "-e",
    "ProxyUID": "-u",
    "ProxyGID": "-g",
    "InboundInterceptionMode": "-m",
    "InboundPortsInclude": "-b",
    "InboundPortsExclude": "-d",
    "OutboundPortsInclude": "-q",
    "OutboundPortsExclude": "-o",
    "OutboundIPRangesInclude": "-i",
    "OutboundIPRangesExclude": "-x",
    "RerouteVirtualInterfaces": "-k",
    "ExcludeInterfaces": "-c",
    "InboundTProxyMark": "-t",
    "InboundTProxyRouteTable": "-r",
    "HostIPv4LoopbackCidr": "--host-ipv4-loopback-cidr",
}
_SWITCHES = {"RedirectDNS": "--redirect-dns", "CaptureAllDNS": "--capture-all-dns", "DropInvalid": "--drop-invalid"}
_VARIABLES = {
    "OwnerGroupsInclude": "ISTIO_OUTBOUND_OWNER_GROUPS",
    "OwnerGroupsExclude": "ISTIO_OUTBOUND_OWNER_GROUPS_EXCLUDE",
}
_SERVERS = ("DNSServersV4", "DNSServersV6")
_WITHOUT_EFFECT = frozenset({"DryRun", "EnableIPv6"})


def _commands(config: Mapping[str, Any]) -> list[str]:
    unknown = set(config) - set(_FLAGS) - set(_SWITCHES) - set(_VARIABLES) - set(_SERVERS) - _WITHOUT_EFFECT
    if unknown:
        raise MismatchError(f"settings that nothing reads: {sorted(unknown)}")
    arguments = ["istio-iptables"]
    for field, value in config.items():
        if field in _FLAGS:
            arguments += [_FLAGS[field], value]
        elif field in _SWITCHES and value:
            arguments.append(_SWITCHES[field])
    variables = {name: config[field] for field, name in _VARIABLES.items() if config.get(field)}
    servers = [server for field in _SERVERS for server in config.get(field) or ()]
    made = rules(parse_redirection(arguments, variables, servers))
    look = ["iptables-save", "ip6tables-save"]
    second = restore_text(made, 6).splitlines() if config.get("EnableIPv6") else []
    return [*look, *restore_text(made, 4).splitlines(), *second, *(look if config.get("EnableIPv6") else look[:1])]


def compare(suite: Suite, case: Case) -> None:
    """Raise MismatchError unless the commands are the golden ones, in order."""
    expected = suite.text(case["golden"]).splitlines()
    found = _commands({**suite.setup["base_config"], **case.get("config", {})})
    if found != expected:
        extra = [line for line in found if line not in expected]
        lacking = [line for line in expected if line not in found]
        raise MismatchError(f"not expected: {extra}; lacking: {lacking}; otherwise the order differs")
