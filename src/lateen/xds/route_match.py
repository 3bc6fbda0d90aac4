"""Which requests a VirtualService's rule takes: HTTPMatchRequest to Envoy's RouteMatch.

In: one `match` entry. Out: a RouteMatch. Rule: headers and query parameters come out sorted by name; a regex `*`
means "present", as in Istio.
"""

from typing import Any as Message

from envoy.config.route.v3 import route_components_pb2 as route_pb2
from envoy.type.matcher.v3 import metadata_pb2, value_pb2

from lateen.xds.values import boolean, regex, string_matcher

_CLAIM_PREFIX = "@request.auth.claims"


def matches_presence(match: Message) -> bool:
    """Whether a string match only asks that the value be there."""
    if match is None:
        return True
    return bool(match.regex == "*" or (match.exact is None and match.prefix is None and match.regex is None))


def _header(name: str, match: Message) -> Message:
    if matches_presence(match):
        return route_pb2.HeaderMatcher(name=name, present_match=True)
    return route_pb2.HeaderMatcher(name=name, string_match=string_matcher(match))


def _absent_header(name: str, match: Message) -> Message:
    matcher = _header(name, match)
    matcher.invert_match = True
    if not matches_presence(match):
        matcher.treat_missing_header_as_empty = True
    return matcher


def claim_path(name: str) -> tuple[str, ...] | None:
    """The claim that a header name such as `@request.auth.claims.group.id` or `...claims[group][id]` stands for; None
    for real headers.
    """
    if not name.lower().startswith(_CLAIM_PREFIX):
        return None
    rest = name[len(_CLAIM_PREFIX) :]
    if rest.startswith("[") and rest.endswith("]"):
        parts = rest[1:-1].split("][")
    elif rest.startswith("."):
        parts = rest[1:].split(".")
    else:
        return None
    return tuple(parts) if all(parts) else None


def _claim(path: tuple[str, ...], match: Message, *, invert: bool) -> Message:
    text = value_pb2.ValueMatcher(string_match=string_matcher(match))
    either = value_pb2.OrMatcher(
        value_matchers=[text, value_pb2.ValueMatcher(list_match=value_pb2.ListMatcher(one_of=text))]
    )
    keys = ("payload", *path)
    return metadata_pb2.MetadataMatcher(
        filter="envoy.filters.http.jwt_authn",
        path=[metadata_pb2.MetadataMatcher.PathSegment(key=key) for key in keys],
        value=value_pb2.ValueMatcher(or_match=either),
        invert=invert,
    )


def _add_headers(out: Message, match: Message) -> None:
    plain = []
    for headers, make, invert in ((match.headers, _header, False), (match.without_headers, _absent_header, True)):
        for name in sorted(headers or {}):
            claim = claim_path(name)
            if claim is not None:
                out.dynamic_metadata.append(_claim(claim, headers[name], invert=invert))
            else:
                plain.append(make(name, headers[name]))
    out.headers.extend(sorted(plain, key=lambda header: header.name))
    for name, value in ((":method", match.method), (":authority", match.authority), (":scheme", match.scheme)):
        if value is not None:
            out.headers.append(_header(name, value))


def _add_query(out: Message, match: Message) -> None:
    for name in sorted(match.query_params or {}):
        value = match.query_params[name]
        if matches_presence(value):
            out.query_parameters.append(route_pb2.QueryParameterMatcher(name=name, present_match=True))
        else:
            out.query_parameters.append(route_pb2.QueryParameterMatcher(name=name, string_match=string_matcher(value)))


def _set_path(out: Message, uri: Message, *, segments: bool) -> None:
    if uri.exact is not None:
        out.path = uri.exact
    elif uri.prefix is not None:
        if segments and uri.prefix != "/":
            out.path_separated_prefix = uri.prefix.removesuffix("/")
        else:
            out.prefix = uri.prefix
    elif uri.regex is not None:
        out.safe_regex.CopyFrom(regex(uri.regex))


def route_match(match: Message, *, segments: bool = False) -> Message:
    """Envoy's match for one entry of `match`; None stands for "every request".

    `segments`: prefixes match whole path segments, as in the Gateway API and Ingress.
    """
    out = route_pb2.RouteMatch(prefix="/")
    if match is None:
        return out
    _add_headers(out, match)
    if match.uri is not None:
        _set_path(out, match.uri, segments=segments)
    out.case_sensitive.CopyFrom(boolean(not match.ignore_uri_case))
    _add_query(out, match)
    return out


def is_catch_all(out: Message) -> bool:
    """Whether a finished match takes every request, so that no later route can."""
    everything = out.WhichOneof("path_specifier") == "prefix" and out.prefix == "/"
    if out.WhichOneof("path_specifier") == "safe_regex":
        everything = out.safe_regex.regex == ".*"
    return everything and not (out.headers or out.query_parameters or out.dynamic_metadata)
