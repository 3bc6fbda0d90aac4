"""Rules for one HTTP route of a VirtualService.

In: the route and its path. Out: remarks. Reference:
https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRoute
"""

from lateen.resources.validate import names
from lateen.resources.validate.headers import authority_once, header_changes, match_header_name
from lateen.resources.validate.http_actions import (
    cors_policy,
    direct_response,
    fault,
    mirrors,
    redirect,
    retries,
    rewrite,
)
from lateen.resources.validate.remarks import Remarks, error
from lateen.resources.validate.shared import destination, gateway_names, weights
from lateen.resources.virtual_service import HTTPMatchRequest, HTTPRoute, HTTPRouteDestination, StringMatch


def http_route(route: HTTPRoute, path: str, *, delegate: bool) -> Remarks:
    """All rules of one route; `delegate` says that it belongs to a virtual service without hosts."""
    yield from _conflicts(route, path, delegate)
    for index, match in enumerate(route.match):
        yield from _match(match, f"{path}.match[{index}]")
    yield from header_changes(route.headers, f"{path}.headers")
    yield from authority_once(route.rewrite, route.headers, path)
    yield from cors_policy(route.cors_policy, f"{path}.corsPolicy")
    yield from fault(route.fault, f"{path}.fault")
    yield from mirrors(route, path)
    yield from redirect(route.redirect, route.match, f"{path}.redirect")
    yield from direct_response(route.direct_response, f"{path}.directResponse")
    yield from retries(route.retries, f"{path}.retries")
    yield from rewrite(route.rewrite, f"{path}.rewrite")
    yield from _destinations(route.route, f"{path}.route")
    yield from names.duration(route.timeout, f"{path}.timeout")


def _conflicts(route: HTTPRoute, path: str, delegate: bool) -> Remarks:
    """A route does one thing: it forwards, redirects, answers, or leaves it to a delegate."""
    if route.delegate is not None and not delegate:
        if route.redirect is not None:
            yield error(f"{path}.redirect", "a route with a delegate must not redirect")
        if route.route:
            yield error(f"{path}.route", "a route with a delegate must not have destinations")
        return
    if route.delegate is not None:
        yield error(f"{path}.delegate", "a delegate cannot delegate further")
    others = (("route", bool(route.route)), ("fault", route.fault is not None), ("rewrite", route.rewrite is not None))
    done = "redirect" if route.redirect is not None else "directResponse"
    if route.redirect is not None or route.direct_response is not None:
        for name, found in (
            *others,
            ("directResponse", route.redirect is not None and route.direct_response is not None),
        ):
            if found:
                yield error(f"{path}.{name}", f"{name} has no place beside {done}")
    elif not route.route:
        yield error(path, "does nothing: give route, redirect or directResponse")
    if route.mirror is not None and route.mirrors:
        yield error(f"{path}.mirrors", "mirror and mirrors exclude each other")


def _match(match: HTTPMatchRequest, path: str) -> Remarks:
    for name, header in match.headers.items():
        yield from match_header_name(name, f"{path}.headers")
        yield from string_match(header, f"{path}.headers.{name}")
    for name, header in match.without_headers.items():
        yield from match_header_name(name, f"{path}.withoutHeaders")
        if header.regex != "*":  # not an expression: the header is there
            yield from string_match(header, f"{path}.withoutHeaders.{name}")
    for field, found in (("scheme", match.scheme), ("method", match.method), ("authority", match.authority)):
        yield from string_match(found, f"{path}.{field}")
    for name, found in match.query_params.items():
        yield from string_match(found, f"{path}.queryParams.{name}")
    yield from string_match(match.uri, f"{path}.uri", empty_prefix=True)
    if match.port:
        yield from names.port(match.port, f"{path}.port")
    yield from names.labels(match.source_labels, f"{path}.sourceLabels")
    yield from gateway_names(match.gateways, f"{path}.gateways")
    if match.source_namespace:
        yield from names.label(match.source_namespace, f"{path}.sourceNamespace", "namespace")


def string_match(match: StringMatch | None, path: str, *, empty_prefix: bool = False) -> Remarks:
    """At most one of exact, prefix and regex; a prefix has characters, a regex compiles."""
    if match is None:
        return
    if (match.exact is not None) + (match.prefix is not None) + (match.regex is not None) > 1:
        yield error(path, "has more than one of exact, prefix and regex")
    if match.prefix == "" and not empty_prefix:
        yield error(f"{path}.prefix", "an empty prefix fits everything", "leave the condition out")
    if match.regex is not None:
        yield from names.regex(match.regex, f"{path}.regex")


def _destinations(routes: tuple[HTTPRouteDestination, ...], path: str) -> Remarks:
    for index, route in enumerate(routes):
        where = f"{path}[{index}]"
        yield from header_changes(route.headers, f"{where}.headers")
        yield from destination(route.destination, f"{where}.destination")
    yield from weights(tuple(route.weight for route in routes), path)
