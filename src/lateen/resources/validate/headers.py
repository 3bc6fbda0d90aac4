"""Rules for names and values of headers.

In: names, values, changes. Out: remarks.
References: RFC 9110 section 5.6.2 (names); Envoy's custom headers for `%...%` in values
(https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/headers).
"""

import re

from lateen.resources.validate.remarks import Remarks, error
from lateen.resources.virtual_service import Headers, HTTPRewrite

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
_STRICT_NAME = re.compile(r"[-_A-Za-z0-9]+\Z")
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f]")
_VARIABLE = re.compile(r"%%|%[A-Z_0-9]+(?:\(.*?\))?(?::[0-9]+)?%")
_PSEUDO = frozenset((":method", ":scheme", ":authority", ":path", ":status"))


def match_header_name(name: str, path: str) -> Remarks:
    """A header to match: a name, a pseudo header, or a claim of a token."""
    if not name:
        yield error(path, "a header has no name")
    elif not (name in _PSEUDO or name.startswith("@request.auth.claims") or _NAME.match(name)):
        yield error(path, f"{name!r} is no valid header name")


def plain_header_name(name: str, path: str) -> Remarks:
    """A header that is made: letters, digits, hyphens and underscores."""
    if not name:
        yield error(path, "a header has no name")
    elif not _STRICT_NAME.match(name):
        yield error(path, f"{name!r} is no valid header name")


def cors_header_name(name: str, path: str) -> Remarks:
    """A header of CORS: a name, or `*`."""
    if not name:
        yield error(path, "a header has no name")
    elif name != "*" and not _NAME.match(name):
        yield error(path, f"{name!r} is no valid header name")


def is_authority(name: str) -> bool:
    """Tell whether a header is the request's host."""
    return name.lower() in (":authority", "host")


def header_changes(found: Headers | None, path: str) -> Remarks:
    """Headers that are set, added and removed; the host can only be set or added, and only on requests."""
    if found is None:
        return
    for side, changes in (("request", found.request), ("response", found.response)):
        if changes is None:
            continue
        for operation, pairs in (("add", changes.add), ("set", changes.set)):
            for name, value in pairs.items():
                where = f"{path}.{side}.{operation}"
                yield from _changed_name(name, where, authority=side == "request")
                yield from header_value(value, f"{where}.{name}")
        for index, name in enumerate(changes.remove):
            yield from _changed_name(name, f"{path}.{side}.remove[{index}]", authority=False)


def _changed_name(name: str, path: str, *, authority: bool) -> Remarks:
    if not name:
        yield error(path, "a header has no name")
    elif is_authority(name):
        if not authority:
            yield error(path, f"the header {name!r} cannot be changed here")
    elif name.startswith(":"):
        yield error(path, f"{name!r} belongs to HTTP itself and cannot be changed")


def header_value(value: str, path: str) -> Remarks:
    """A value without control characters, whose percent signs belong to Envoy's variables or are doubled."""
    if _CONTROL.search(value):
        yield error(path, "has a character that no header may have")
    elif "%" in _VARIABLE.sub("", value):
        yield error(path, f"has a single % in {value!r}", "write %% for a percent sign")


def authority_once(rewrite: HTTPRewrite | None, headers: Headers | None, path: str) -> Remarks:
    """The host is rewritten in one place at most."""
    values = [rewrite.authority] if rewrite is not None and rewrite.authority else []
    changes = headers.request if headers is not None else None
    if changes is not None:
        values += [value for pairs in (changes.set, changes.add) for name, value in pairs.items() if is_authority(name)]
    if len(values) > 1:
        yield error(path, f"the host is rewritten twice, to {values[0]!r} and to {values[1]!r}")
