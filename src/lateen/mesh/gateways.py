"""Which servers a gateway's proxy runs, from all the Gateways that select it.

In: Gateway resources, the services in front of the proxy, its labels. Out: `GatewayView`: the servers that are
served, each with the port it listens on, its hosts and the name of its route table; and findings about those that are
not. Rule, as in Istio: older Gateways first; on a port plain HTTP servers share one route table, TLS servers are told
apart by host, and a server that contradicts an older one is left out. A port number of a service in front of the
proxy means that service's target port, any other number itself.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from lateen.engine import Database, query
from lateen.mesh.authn_jwt import token_policies
from lateen.mesh.authz import Applied, applied
from lateen.mesh.hosts import covers, is_ip
from lateen.mesh.inbound import pod_key, service_ports
from lateen.mesh.node import Labels, ProxyNode
from lateen.mesh.protocols import Protocol, parse_protocol
from lateen.mesh.routing import ROUTES, Routing, virtual_services_of_gateway
from lateen.mesh.selectors import selects
from lateen.resources.findings import Finding
from lateen.resources.gateway import Server, ServerTLSSettings
from lateen.resources.model import Resource, ResourceKey
from lateen.resources.tables import RESOURCES

KIND: Final = "Gateway"
RESERVED_PORTS: Final = frozenset({15000, 15001, 15006, 15008, 15020, 15021, 15053, 15090})
"""Ports on which every proxy, or the agent beside it, listens itself."""

_SPKI: Final = re.compile(r"[A-Za-z0-9+/]{43}=")
_HASH: Final = re.compile(r"[A-Fa-f0-9]{64}|([A-Fa-f0-9]{2}:){31}[A-Fa-f0-9]{2}")

Host = tuple[str, str]
"""(namespace of the VirtualServices that may bind here, "" for any; host pattern)."""


@dataclass(frozen=True, slots=True)
class GatewayServer:
    """One server. `server` is its place in the Gateway; `port` is what the proxy listens on, `number` what the
    Gateway says.

    `route_name` is "" for a server that does not parse HTTP.
    """

    gateway: ResourceKey
    server: int
    number: int
    port: int
    protocol: Protocol
    bind: str
    hosts: tuple[Host, ...]
    tls_mode: str
    route_name: str

    @property
    def name(self) -> str:
        """The Gateway as VirtualServices name it."""
        return f"{self.gateway.namespace}/{self.gateway.name}"

    @property
    def terminates(self) -> bool:
        """Whether the server ends TLS."""
        return self.tls_mode not in ("", "PASSTHROUGH", "AUTO_PASSTHROUGH")

    @property
    def patterns(self) -> tuple[str, ...]:
        """The host patterns without their namespaces, sorted."""
        return tuple(sorted({host for _, host in self.hosts}))


@dataclass(frozen=True, slots=True)
class GatewayView:
    """All that decides about a gateway's listeners and routes, beside what its servers' Gateways say."""

    namespace: str
    servers: tuple[GatewayServer, ...]
    policies: Applied
    token_policies: tuple[ResourceKey, ...] = ()
    ipv4: bool = True
    ipv6: bool = False


@query
def gateways_of(db: Database, labels: Labels) -> tuple[ResourceKey, ...]:
    """The Gateways that select a proxy with `labels`, in whatever namespace they are, oldest first."""
    found = [db.get(RESOURCES, key) for key in db.lookup(RESOURCES, "kind", KIND)]
    chosen = [one for one in found if one is not None and selects(one.spec.selector, labels)]
    return tuple(one.key for one in sorted(chosen, key=_age))


def _age(resource: Resource) -> tuple[str, str, str]:
    return (resource.meta.creation_timestamp, resource.name, resource.namespace)


# === one server ===


def _hosts(server: Server, namespace: str) -> tuple[Host, ...]:
    split = (host.lower().rpartition("/") for host in server.hosts)
    named = ((namespace if scope == "." else "" if scope == "*" else scope, host) for scope, _, host in split)
    return tuple(dict.fromkeys(pair for pair in named if pair[1]))


def _tls_mode(server: Server) -> str:
    """How the server handles TLS; a block that only redirects to HTTPS is no TLS."""
    if server.tls is None or parse_protocol(server.port.protocol).is_http:
        return ""
    return server.tls.mode


def _route_name(server: Server, gateway: ResourceKey, port: int, tls_mode: str) -> str:
    bind = f".{server.bind}" if server.bind else ""
    protocol = parse_protocol(server.port.protocol)
    if protocol.is_http:
        return f"http.{port}{bind}"
    if protocol is Protocol.HTTPS and tls_mode not in ("", "PASSTHROUGH", "AUTO_PASSTHROUGH"):
        return f"https.{server.port.number}.{server.port.name}.{gateway.name}.{gateway.namespace}{bind}"
    return ""


def _servers(gateway: Resource, target_ports: dict[int, int]) -> Iterator[GatewayServer]:
    for index, server in enumerate(gateway.spec.servers):
        port = target_ports.get(server.port.number, server.port.number)
        tls_mode = _tls_mode(server)
        yield GatewayServer(
            gateway=gateway.key,
            server=index,
            number=server.port.number,
            port=port,
            protocol=parse_protocol(server.port.protocol),
            bind=server.bind or "",
            hosts=_hosts(server, gateway.namespace),
            tls_mode=tls_mode,
            route_name=_route_name(server, gateway.key, port, tls_mode),
        )


def _problem(server: GatewayServer, spec: Server) -> str:
    """Why a server cannot be served at all; "" if it can. Envoy would refuse the whole listener for most of these."""
    if not 1 <= server.port <= 65535 or not 1 <= server.number <= 65535:
        return f"{server.number} is no port"
    if server.port in RESERVED_PORTS:
        return f"port {server.port} is the proxy's own"
    if server.bind and not is_ip(server.bind):
        return f"bind {server.bind!r} is no address"
    if server.protocol is Protocol.UDP:
        return "UDP is not served"
    return _tls_problem(server, spec)


def _tls_problem(server: GatewayServer, spec: Server) -> str:
    if server.protocol.is_tls and not server.tls_mode:
        return f"protocol {server.protocol.value} needs a tls block"
    if spec.tls is None or not server.tls_mode:
        return ""
    odd = next((host for host in server.patterns if "*" in host.removeprefix("*.") and host != "*"), None)
    if odd is not None:
        return f"host {odd!r} cannot be told apart in TLS, where only a whole first label can be *"
    if server.tls_mode in ("SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL") and not _has_certificate(spec.tls):
        return f"TLS mode {server.tls_mode} needs a credentialName"
    return _settings_problem(spec.tls)


def _has_certificate(tls: ServerTLSSettings) -> bool:
    named = tls.credential_name or tls.credential_names or tls.tls_certificates
    return bool(named or (tls.server_certificate and tls.private_key))


def _settings_problem(tls: ServerTLSSettings) -> str:
    versions = ("TLSV1_0", "TLSV1_1", "TLSV1_2", "TLSV1_3")
    lowest, highest = tls.min_protocol_version, tls.max_protocol_version
    if "TLS_AUTO" not in (lowest, highest) and versions.index(lowest) > versions.index(highest):
        return f"minProtocolVersion {lowest} is above maxProtocolVersion {highest}"
    if not all(_SPKI.fullmatch(text) for text in tls.verify_certificate_spki):
        return "verifyCertificateSpki must be base64 of a SHA-256"
    if not all(_HASH.fullmatch(text) for text in tls.verify_certificate_hash):
        return "verifyCertificateHash must be a SHA-256 in hexadecimal"
    return ""


# === all of them together ===


def _conflict(server: GatewayServer, kept: Iterable[GatewayServer]) -> str:
    """Why a server cannot be served beside those before it; "" if it can."""
    beside = [other for other in kept if (other.port, other.bind) == (server.port, server.bind)]
    if not server.tls_mode:
        plain = next((other for other in beside if not other.tls_mode), None)
        if plain is not None and not (plain.protocol.is_http and server.protocol.is_http):
            return f"port {server.port} already serves {plain.protocol.value} for {plain.gateway}"
        return ""
    secured = [other for other in beside if other.tls_mode]
    taken = {host for other in secured for host in other.patterns} & set(server.patterns)
    if taken:
        return f"host {min(taken)} on port {server.port} is already served by an older Gateway or server"
    if server.route_name and any(other.route_name == server.route_name for other in secured):
        return f"two HTTPS servers of port {server.number} have the same port name"
    return ""


def _unserved(server: GatewayServer, reason: str) -> Finding:
    return Finding(
        code="GatewayServer",
        severity="warning",
        message=f"this server is not served: {reason}",
        resource=server.gateway,
        path=f"spec.servers[{server.server}]",
        suggestion="correct it, or give it another port, other hosts, or another port name",
    )


@query
def _merged(db: Database, node: ProxyNode) -> tuple[tuple[GatewayServer, ...], tuple[Finding, ...]]:
    ports = service_ports(db, node.namespace, node.labels, pod_key(node))
    target_ports = {target.service_port: target.port for target in reversed(ports)}
    kept: list[GatewayServer] = []
    findings: list[Finding] = []
    for key in gateways_of(db, node.labels):
        gateway = db.get(RESOURCES, key)
        if gateway is None:
            continue
        for server in _servers(gateway, target_ports):
            reason = _problem(server, gateway.spec.servers[server.server]) or _conflict(server, kept)
            if reason:
                findings.append(_unserved(server, reason))
            else:
                kept.append(server)
    return tuple(kept), tuple(findings)


@query
def gateway_view(db: Database, node: ProxyNode) -> GatewayView:
    """The view of one gateway's proxy."""
    return GatewayView(
        namespace=node.namespace,
        servers=_merged(db, node)[0],
        policies=applied(db, node.namespace, node.labels),
        token_policies=token_policies(db, node.namespace, node.labels),
        ipv4=any(":" not in address for address in node.ip_addresses) or not node.ip_addresses,
        ipv6=any(":" in address for address in node.ip_addresses),
    )


@query
def gateway_findings(db: Database, node: ProxyNode) -> tuple[Finding, ...]:
    """What of the proxy's Gateways is not served, and why."""
    return _merged(db, node)[1]


def server_spec(db: Database, server: GatewayServer) -> Server | None:
    """The server as its Gateway says it; None if the Gateway has gone."""
    gateway = db.get(RESOURCES, server.gateway)
    if gateway is None or server.server >= len(gateway.spec.servers):
        return None
    found: Server = gateway.spec.servers[server.server]
    return found


# === which VirtualServices it leads to ===


def served_hosts(server: GatewayServer, routing: Routing) -> tuple[str, ...]:
    """The hosts that a server and a VirtualService have in common, the narrower of each pair, without repetition."""
    allowed = [host for namespace, host in server.hosts if namespace in ("", routing.key.namespace)]
    pairs = ((pattern, host) for pattern in allowed for host in routing.hosts)
    common = ((host if covers(pattern, host) else pattern if covers(host, pattern) else "") for pattern, host in pairs)
    return tuple(dict.fromkeys(host for host in common if host))


@query
def bound(db: Database, server: GatewayServer) -> tuple[tuple[ResourceKey, tuple[str, ...]], ...]:
    """The VirtualServices bound to a server, oldest first, each with the hosts that it serves there."""
    found = []
    for key in virtual_services_of_gateway(db, server.name):
        routing = db.get(ROUTES, key)
        hosts = served_hosts(server, routing) if routing is not None else ()
        if hosts:
            found.append((key, hosts))
    return tuple(found)
