"""What an HTTP request asks of the API: verb, kind, namespace, name, subresource.

In: method, raw path and query parameters. Out: a frozen `Target`. The rule: a path means one thing. Segments are
decoded once; empty segments, `.`, `..`, encoded slashes and control characters are refused, so no later code
(authorization least of all) can read a path differently from the code that serves it.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote

import msgspec

from lateen.localcluster.errors import bad_request, method_not_allowed

WRITE_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
NAMESPACE_SUBRESOURCES = frozenset({"status", "finalize"})


class Target(msgspec.Struct, frozen=True):
    """The meaning of a request path. For paths that are no resources only `path` and `verb` are set."""

    verb: str
    path: str
    is_resource: bool = False
    group: str = ""
    version: str = ""
    plural: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    rest: tuple[str, ...] = ()


def segments(raw_path: str) -> tuple[str, ...]:
    """The decoded segments of a raw request path; `ApiError` 400 for a path that could be read in two ways."""
    parts = raw_path.split("/")
    if parts and not parts[-1]:
        parts.pop()
    decoded = tuple(unquote(part, errors="strict") for part in parts[1:])
    for part in decoded:
        if part in ("", ".", "..") or "/" in part or "\\" in part or "%" in part or not part.isprintable():
            raise bad_request("the request path is not in its normal form (empty, dotted or encoded segments)")
    return decoded


def parse(method: str, raw_path: str, query: Mapping[str, str]) -> Target:
    """The target of a request. Raises `ApiError` 400 or 405."""
    try:
        parts = segments(raw_path)
    except UnicodeDecodeError:
        raise bad_request("the request path is not UTF-8") from None
    path = "/" + "/".join(parts)
    if parts[:1] == ("api",) and len(parts) > 2:
        return _resource(method, path, ("", *parts[1:]), query)
    if parts[:1] == ("apis",) and len(parts) > 3:
        return _resource(method, path, parts[1:], query)
    return Target(verb=method.lower(), path=path)


def _resource(method: str, path: str, parts: tuple[str, ...], query: Mapping[str, str]) -> Target:
    group, version, *rest = parts
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in NAMESPACE_SUBRESOURCES:
        namespace, rest = rest[1], rest[2:]
    elif rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
    plural, name, subresource = (*rest, "", "")[:3]
    return Target(
        verb=_verb(method, name, query),
        path=path,
        is_resource=True,
        group=group,
        version=version,
        plural=plural,
        namespace=namespace,
        name=name,
        subresource=subresource,
        rest=tuple(rest[3:]),
    )


def _verb(method: str, name: str, query: Mapping[str, str]) -> str:
    if method in ("GET", "HEAD"):
        if query.get("watch") in ("true", "1"):
            return "watch"
        return "get" if name else "list"
    verb = WRITE_VERBS.get(method)
    if verb is None:
        raise method_not_allowed()
    return "deletecollection" if verb == "delete" and not name else verb
