"""Rules for VirtualService as a whole, and for its TCP and TLS routes. HTTP routes have a file of their own.

In: the spec and its metadata. Out: remarks. Reference:
https://istio.io/latest/docs/reference/config/networking/virtual-service/
"""

from lateen.resources.model import Meta
from lateen.resources.selectors import Destination
from lateen.resources.validate import names
from lateen.resources.validate.http_route import http_route
from lateen.resources.validate.remarks import Remarks, error, warning
from lateen.resources.validate.shared import destination, gateway_names, weights
from lateen.resources.validate.unreachable import unreachable
from lateen.resources.virtual_service import (
    L4MatchAttributes,
    RouteDestination,
    TLSMatchAttributes,
    TLSRoute,
    VirtualServiceSpec,
)

_CLAIM_PREFIXES = ("@request.auth.claims.", "@request.auth.claims[")


def virtual_service(spec: VirtualServiceSpec, meta: Meta) -> Remarks:
    """All rules of the kind."""
    if not spec.hosts:
        yield from _delegate(spec)
    yield from gateway_names(spec.gateways, "spec.gateways")
    at_gateway = bool(spec.gateways) and "mesh" not in spec.gateways
    yield from _hosts(spec, at_gateway)
    if not at_gateway:
        yield from _claims(spec)
    if not (spec.http or spec.tcp or spec.tls):
        yield error("spec", "routes nothing: give http, tls or tcp")
    for index, route in enumerate(spec.http):
        yield from http_route(route, f"spec.http[{index}]", delegate=not spec.hosts)
    for index, tls in enumerate(spec.tls):
        yield from _tls_route(tls, f"spec.tls[{index}]", spec, at_gateway)
    for index, tcp in enumerate(spec.tcp):
        path = f"spec.tcp[{index}]"
        for number, match in enumerate(tcp.match):
            yield from _l4_match(match, f"{path}.match[{number}]")
        yield from _destinations(tcp.route, f"{path}.route", "TCP")
    yield from names.exports(spec.export_to, "spec.exportTo", meta.namespace)
    yield from unreachable(spec)


def _delegate(spec: VirtualServiceSpec) -> Remarks:
    """Without hosts it is a delegate, which has HTTP routes only."""
    for field, found in (("gateways", spec.gateways), ("tls", spec.tls), ("tcp", spec.tcp)):
        if found:
            yield error(f"spec.{field}", f"a delegate virtual service (one without hosts) must not have {field}")


def _hosts(spec: VirtualServiceSpec, at_gateway: bool) -> Remarks:
    """Hosts are domain names, wildcards or addresses; none covers another."""
    sni = any(match.sni_hosts for route in spec.tls for match in route.match)
    valid = True
    for index, host in enumerate(spec.hosts):
        path = f"spec.hosts[{index}]"
        if host == "*" and not at_gateway:
            valid = False
            yield error(path, "* would take over every service of the mesh; it is for gateways only")
        elif not (names.is_address(host) or (at_gateway and sni and names.is_gateway_sni(host))):
            found = list(names.wildcard_domain(host, path))
            valid = valid and not found
            yield from found
    if valid:
        yield from _duplicates(spec.hosts)


def _duplicates(hosts: tuple[str, ...]) -> Remarks:
    for index, host in enumerate(hosts):
        for other in hosts[index + 1 :]:
            if overlap(host, other):
                yield error(f"spec.hosts[{index}]", f"{host} and {other} have names in common")


def overlap(one: str, other: str) -> bool:
    """Tell whether two hosts, wildcards or not, have names in common."""
    if one.startswith("*") and other.startswith("*"):
        return one[1:].endswith(other[1:]) or other[1:].endswith(one[1:])
    if one.startswith("*"):
        return other.endswith(one[1:])
    return one == other or (other.startswith("*") and one.endswith(other[1:]))


def covers(host: str, name: str) -> bool:
    """Tell whether every name that `name` stands for is one that `host` stands for."""
    if not host.startswith("*"):
        return name == host
    suffix = host[1:]
    return (name.removeprefix("*")).endswith(suffix)


def _claims(spec: VirtualServiceSpec) -> Remarks:
    """Claims of a token are known at gateways only."""
    for index, route in enumerate(spec.http):
        for number, match in enumerate(route.match):
            for key in (*match.headers, *match.without_headers):
                if key.startswith(_CLAIM_PREFIXES):
                    path = f"spec.http[{index}].match[{number}]"
                    yield error(path, f"{key}: only gateways can route by what a token says")


def _tls_route(route: TLSRoute, path: str, spec: VirtualServiceSpec, at_gateway: bool) -> Remarks:
    if not route.match:
        yield error(f"{path}.match", "is empty: TLS is routed by the server names in it")
    for index, match in enumerate(route.match):
        yield from _tls_match(match, f"{path}.match[{index}]", spec, at_gateway)
    yield from _destinations(route.route, f"{path}.route", "TLS")


def _tls_match(match: TLSMatchAttributes, path: str, spec: VirtualServiceSpec, at_gateway: bool) -> Remarks:
    if not match.sni_hosts:
        yield error(f"{path}.sniHosts", "is empty: which server names are meant?")
    for index, host in enumerate(match.sni_hosts):
        yield from _sni(host, f"{path}.sniHosts[{index}]", spec, at_gateway)
    yield from _l4_match(match, path)


def _sni(host: str, path: str, spec: VirtualServiceSpec, at_gateway: bool) -> Remarks:
    """A server name is one of the hosts' names."""
    if names.is_address(host):
        yield warning(path, f"{host} is an address; clients hardly ever send one as the server name")
        return
    if not (at_gateway and names.is_gateway_sni(host)):
        found = list(names.wildcard_domain(host, path))
        yield from found
        if found:
            return
    if not any(covers(known, host) for known in spec.hosts):
        yield error(path, f"{host!r} is none of the hosts ({', '.join(spec.hosts)})")


def _l4_match(match: L4MatchAttributes | TLSMatchAttributes, path: str) -> Remarks:
    for index, block in enumerate(match.destination_subnets):
        yield from names.subnet(block, f"{path}.destinationSubnets[{index}]")
    if match.port:
        yield from names.port(match.port, f"{path}.port")
    yield from names.labels(match.source_labels, f"{path}.sourceLabels")
    yield from gateway_names(match.gateways, f"{path}.gateways")


def _destinations(routes: tuple[RouteDestination, ...], path: str, what: str) -> Remarks:
    if not routes:
        yield error(path, f"is empty: where does {what} go?")
    found: list[Destination] = [route.destination for route in routes]
    for index, where in enumerate(found):
        yield from destination(where, f"{path}[{index}].destination")
    yield from weights(tuple(route.weight for route in routes), path)
