"""Route tables for outbound HTTP (RDS).

In: an outbound view and the table's name: a port (`8080`), or `host:port` for a port whose protocol is detected. Out:
an encoded RouteConfiguration. Rule: the unit of memory is the serialized virtual host; a table is a join of such
bytes, with domains given out once, oldest claim first: services by name, then hosts that only a VirtualService knows,
then the catch-all.
"""

from collections.abc import Iterator
from typing import Any as Message

from envoy.config.route.v3 import route_components_pb2 as route_pb2
from envoy.config.route.v3 import route_pb2 as table_pb2

from lateen.engine import Database, query
from lateen.mesh.hosts import bracketed, covers, is_wildcard, subset_key
from lateen.mesh.routing import HEADS, MESH, routing_for
from lateen.mesh.services import SERVICES, Port, Resolution, Service, aliases_of, service_named
from lateen.mesh.views import OutboundView
from lateen.mesh.visibility_scope import imported_routings, scope_hosts, unknown_hosts
from lateen.resources.model import ResourceKey
from lateen.resources.numbers import digits
from lateen.xds.encode import ROUTE, Encoded, encode_bytes, field
from lateen.xds.route_actions import set_timeout
from lateen.xds.route_builder import RouteContext, consistent_hash, default_route, virtual_service_routes
from lateen.xds.route_match import route_match
from lateen.xds.routes_domains import service_domains
from lateen.xds.values import boolean, uint32

_VIRTUAL_HOSTS = table_pb2.RouteConfiguration.DESCRIPTOR.fields_by_name["virtual_hosts"].number
_MAX_BODY = 1024 * 1024


def _virtual_host(name: str, domains: tuple[str, ...], routes: tuple[Message, ...]) -> bytes:
    out = route_pb2.VirtualHost(name=name, domains=domains, routes=routes, include_request_attempt_count=True)
    return bytes(out.SerializeToString(deterministic=True))


@query
def service_virtual_host(
    db: Database, view: OutboundView, host: str, port_number: int, domains: tuple[str, ...]
) -> bytes:
    """The serialized virtual host of one port of a service: its VirtualService's routes, else the plain one."""
    service = service_named(db, view.namespace, host)
    port = service.port(port_number) if service is not None else None
    if service is None or port is None:
        return b""
    key = routing_for(db, view.namespace, host)
    context = RouteContext(view=view, gateways=(MESH,), port=port_number)
    routes = virtual_service_routes(db, context, key) if key is not None else ()
    hashed = consistent_hash(db, view, subset_key("outbound", "", host, port_number))
    if not routes and hashed is None:
        return plain_virtual_host(db, host, port_number, domains)
    return _virtual_host(f"{host}:{port_number}", domains, routes or (default_route(db, host, port_number, hashed),))


@query
def plain_virtual_host(db: Database, host: str, port_number: int, domains: tuple[str, ...]) -> bytes:
    """The serialized virtual host of a service that no rule speaks about: the same for all views."""
    return _virtual_host(f"{host}:{port_number}", domains, (default_route(db, host, port_number, None),))


@query
def unregistered_virtual_host(db: Database, view: OutboundView, key: ResourceKey, host: str, port_number: int) -> bytes:
    """The serialized virtual host of a host that only a VirtualService knows; empty if no route holds here."""
    context = RouteContext(view=view, gateways=(MESH,), port=port_number)
    routes = virtual_service_routes(db, context, key)
    return _virtual_host(f"{host}:{port_number}", (bracketed(host),), routes) if routes else b""


def _http_port(service: Service, number: int) -> Port | None:
    port = service.port(number)
    if port is None or service.resolution is Resolution.ALIAS:
        return None
    return port if port.protocol.is_http or port.protocol.is_sniffed else None


@query
def http_hosts(db: Database, view: OutboundView, port_number: int) -> tuple[str, ...]:
    """The hosts in scope that have HTTP, declared or detected, on a port."""
    kept = []
    candidates = {key.hostname for key in db.lookup(SERVICES, "http_port", port_number)}
    for host in sorted(candidates.intersection(scope_hosts(db, view))):
        service = service_named(db, view.namespace, host)
        if service is not None and _http_port(service, port_number) is not None:
            kept.append(host)
    return tuple(kept)


@query
def domains_of(db: Database, view: OutboundView, host: str) -> tuple[str, ...]:
    """All names of a service for the callers of a view."""
    service = service_named(db, view.namespace, host)
    if service is None:
        return ()
    return service_domains(service, aliases_of(db, view.namespace, host), view.dns_domain)


@query
def unregistered_hosts(db: Database, view: OutboundView, port_number: int) -> tuple[tuple[str, ResourceKey], ...]:
    """(host, VirtualService) for hosts that no service has, on port 80 and on the ports of the services named beside
    them.
    """
    declared = set(scope_hosts(db, view))
    on_port = set(http_hosts(db, view, port_number))
    found: dict[str, ResourceKey] = {}
    for key in imported_routings(db, view):
        head = db.get(HEADS, key)
        if head is None or not head.http:
            continue
        beside = [host for host in head.hosts if host in on_port]
        known = [host for host in head.hosts if host in declared]
        if not beside and (port_number != 80 or known):
            continue
        for host in head.hosts:
            if host not in declared and not (is_wildcard(host) and any(covers(host, name) for name in declared)):
                found.setdefault(host, key)
    return tuple(found.items())


def _catch_all(policy: str) -> Message:
    allow = policy == "ALLOW_ANY"
    name = "allow_any" if allow else "block_all"
    route = route_pb2.Route(name=name, match=route_match(None))
    if allow:
        route.route.cluster = "PassthroughCluster"
        set_timeout(route.route, None)
    else:
        route.direct_response.status = 502
    return route_pb2.VirtualHost(name=name, domains=["*"], routes=[route], include_request_attempt_count=True)


def _fresh(domains: tuple[str, ...], taken: set[str]) -> tuple[str, ...]:
    kept = tuple(domain for domain in domains if domain.lower() not in taken)
    taken.update(domain.lower() for domain in kept)
    return kept


def _hosts_of_port(db: Database, view: OutboundView, port: int) -> Iterator[bytes]:
    hosts = http_hosts(db, view, port)
    # A full name is never lost to the short form of another service, whatever the order.
    owners = {host: host for host in hosts}
    taken: set[str] = set()
    for host in hosts:
        own = tuple(name for name in domains_of(db, view, host) if owners.get(name, host) == host)
        domains = _fresh(own, taken)
        if domains:
            yield service_virtual_host(db, view, host, port, domains)
    for host, key in unregistered_hosts(db, view, port):
        if _fresh((host,), taken):
            yield unregistered_virtual_host(db, view, key, host, port)


def _table(name: str, virtual_hosts: Iterator[bytes]) -> Encoded:
    head = table_pb2.RouteConfiguration(
        name=name,
        validate_clusters=boolean(False),
        max_direct_response_body_size_bytes=uint32(_MAX_BODY),
        ignore_port_in_host_matching=True,
    )
    joined = b"".join(field(_VIRTUAL_HOSTS, virtual_host) for virtual_host in virtual_hosts if virtual_host)
    return encode_bytes(name, ROUTE, bytes(head.SerializeToString(deterministic=True)) + joined)


def _of_port(db: Database, view: OutboundView, name: str, port: int) -> Encoded:
    def hosts() -> Iterator[bytes]:
        yield from _hosts_of_port(db, view, port)
        yield bytes(_catch_all(unknown_hosts(db, view)).SerializeToString(deterministic=True))

    return _table(name, hosts())


def _of_service(db: Database, view: OutboundView, name: str, host: str, port: int) -> Encoded | None:
    service = service_named(db, view.namespace, host)
    if service is None or _http_port(service, port) is None:
        return None
    return _table(name, iter((service_virtual_host(db, view, host, port, ("*",)),)))


@query
def outbound_route(db: Database, view: OutboundView, name: str) -> Encoded | None:
    """The route table of that name; None if no listener of ours would ask for it."""
    host, _, number = name.rpartition(":")
    port = digits(number)
    if port is None:
        return None
    return _of_service(db, view, name, host, port) if host else _of_port(db, view, name, port)
