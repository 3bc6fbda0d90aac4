"""Routes of a VirtualService that no request can reach.

In: the spec. Out: warnings. Rule: rules are tried in order; a match that an earlier one covers in every condition
never decides.
"""

from lateen.resources.validate.remarks import Remarks, warning
from lateen.resources.virtual_service import (
    HTTPMatchRequest,
    HTTPRoute,
    StringMatch,
    TCPRoute,
    TLSRoute,
    VirtualServiceSpec,
)

_MOST = 1000  # pairs of matches beyond which covering is not looked for


def unreachable(spec: VirtualServiceSpec) -> Remarks:
    """Warnings about rules and matches that have no effect."""
    yield from _rules(spec.http, "spec.http")
    yield from _rules(spec.tls, "spec.tls")
    yield from _rules(spec.tcp, "spec.tcp")
    yield from _covered(spec.http)


def _rules(routes: tuple[HTTPRoute | TLSRoute | TCPRoute, ...], path: str) -> Remarks:
    """Rules after one without conditions, and matches that stand there twice."""
    seen: list[object] = []
    catch_all = False
    for index, route in enumerate(routes):
        where = f"{path}[{index}]"
        if catch_all:
            yield warning(where, "is never reached: a rule without conditions comes before it")
        catch_all = catch_all or not route.match
        repeated = [number for number, match in enumerate(route.match) if match in seen]
        for number in repeated:
            yield warning(f"{where}.match[{number}]", "never decides: the same conditions stand in an earlier place")
        if route.match and len(repeated) == len(route.match):
            yield warning(where, "is never reached: earlier rules have all of its conditions")
        seen.extend(route.match)


def _covered(routes: tuple[HTTPRoute, ...]) -> Remarks:
    """Matches by prefix that an earlier match covers."""
    found = [
        (f"spec.http[{index}].match[{number}]", match)
        for index, route in enumerate(routes)
        for number, match in enumerate(route.match)
        if match.uri is not None and match.uri.prefix
    ]
    if len(found) > _MOST:
        return
    for index, (where, later) in enumerate(found):
        for earlier_where, earlier in found[:index]:
            if earlier != later and _covers(earlier, later):
                yield warning(where, f"is not used: {earlier_where} covers it, which comes first")
                break


def _covers(earlier: HTTPMatchRequest, later: HTTPMatchRequest) -> bool:
    """Tell whether every request that fits `later` fits `earlier`, as far as prefixes and equal values can tell."""
    pairs = [
        (earlier.uri, later.uri),
        (earlier.method, later.method),
        (earlier.scheme, later.scheme),
        (earlier.authority, later.authority),
        *((match, later.headers.get(name)) for name, match in earlier.headers.items()),
        *((match, later.query_params.get(name)) for name, match in earlier.query_params.items()),
    ]
    scope = (
        (earlier.port, later.port),
        (earlier.source_namespace, later.source_namespace),
        (earlier.source_labels or None, later.source_labels or None),
        (earlier.gateways or None, later.gateways or None),
        (earlier.without_headers or None, later.without_headers or None),
    )
    same_scope = all(mine is None or mine == other for mine, other in scope)
    return same_scope and earlier.ignore_uri_case == later.ignore_uri_case and all(_implied(*pair) for pair in pairs)


def _implied(wanted: StringMatch | None, given: StringMatch | None) -> bool:
    """Tell whether a value that fits `given` always fits `wanted`."""
    if wanted is None or wanted == given:
        return True
    if given is None or wanted.prefix is None:
        return False
    return (given.prefix or given.exact or "").startswith(wanted.prefix)
