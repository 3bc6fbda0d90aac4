"""Rules of VirtualServices that the webhook lets pass and Envoy would not.

In: one VirtualService. Out: findings for rules that translation has to leave out. Rule: a rule is left out by
`xds.route_builder` if and only if it is named here (or the whole object is refused, see `validity`).
"""

from collections.abc import Iterator
from typing import Final

from lateen.resources.findings import Finding
from lateen.resources.model import Resource, ResourceKey
from lateen.resources.virtual_service import Headers, HTTPRoute

NO_ACTION: Final = "LTN0303"
LONG_HEADER: Final = "LTN0304"
LONGEST_HEADER_VALUE: Final = 16384
"""Bytes of a header's value that Envoy's configuration can hold."""
REDIRECT_CODES: Final = frozenset({301, 302, 303, 307, 308})


def leads_somewhere(rule: HTTPRoute) -> bool:
    """Whether a rule has an action that Envoy takes."""
    if rule.redirect is not None:
        return (rule.redirect.redirect_code or 301) in REDIRECT_CODES
    if rule.direct_response is not None:
        return True
    return len(rule.route) == 1 or any(target.weight for target in rule.route)


def _finding(key: ResourceKey, rule: HTTPRoute, path: str) -> Finding:
    if rule.redirect is not None:
        where, message = f"{path}.redirect.redirectCode", "is no code that the proxy can send; the rule is left out"
        return _left_out(key, where, message, f"use one of {', '.join(map(str, sorted(REDIRECT_CODES)))}")
    return _left_out(key, path, "leads nowhere and is left out", "give it a route, redirect or directResponse")


def _edits(rule: HTTPRoute, path: str) -> Iterator[tuple[str, Headers | None]]:
    yield f"{path}.headers", rule.headers
    yield from ((f"{path}.route[{number}].headers", target.headers) for number, target in enumerate(rule.route))


def _long_headers(key: ResourceKey, rule: HTTPRoute, path: str) -> Iterator[Finding]:
    for place, headers in _edits(rule, path):
        for side in ("request", "response"):
            operations = getattr(headers, side, None)
            for name in ("set", "add"):
                for header, value in sorted(getattr(operations, name, {}).items()):
                    if len(value.encode()) > LONGEST_HEADER_VALUE:
                        message = f"is longer than {LONGEST_HEADER_VALUE} bytes and is left out"
                        where = f"{place}.{side}.{name}[{header}]"
                        yield Finding(code=LONG_HEADER, severity="error", message=message, resource=key, path=where)


def _left_out(key: ResourceKey, path: str, message: str, suggestion: str) -> Finding:
    return Finding(code=NO_ACTION, severity="error", message=message, resource=key, path=path, suggestion=suggestion)


def routing_findings(resource: Resource) -> tuple[Finding, ...]:
    """The findings about the rules of a VirtualService."""
    found: list[Finding] = []
    for position, rule in enumerate(resource.spec.http):
        path = f"spec.http[{position}]"
        if rule.delegate is None and not leads_somewhere(rule):
            found.append(_finding(resource.key, rule, path))
        found.extend(_long_headers(resource.key, rule, path))
    return tuple(found)
