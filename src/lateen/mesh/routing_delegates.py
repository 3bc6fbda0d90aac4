"""Delegation: a rule of one VirtualService that leaves the details to another.

In: a rule with `delegate`, and the delegate's rules. Out: the rules that stand in its place. Rules, as Istio
documents: a request must meet a condition of the root and one of the delegate; a condition of the delegate that
contradicts the root's is dropped, with its rule if none is left; what the delegate does not set, it has from the
root. Delegates do not delegate further.
"""

from collections.abc import Iterable, Mapping

import msgspec

from lateen.resources.virtual_service import HTTPMatchRequest, HTTPRoute, StringMatch

_INHERITED = (
    "rewrite",
    "direct_response",
    "timeout",
    "retries",
    "fault",
    "mirror",
    "mirror_percent",
    "mirror_percentage",
    "mirrors",
    "cors_policy",
    "headers",
)
_STRINGS = ("uri", "scheme", "method", "authority")
_MAPS = ("headers", "without_headers", "query_params")


def _narrower(root: StringMatch | None, leaf: StringMatch | None) -> bool:
    """Whether everything that `leaf` takes is something that `root` takes, as far as that can be said."""
    if root is None or leaf is None or root == leaf:
        return True
    text = leaf.exact if leaf.exact is not None else leaf.prefix
    return root.prefix is not None and text is not None and text.startswith(root.prefix)


def _agree(root: Mapping[str, str], leaf: Mapping[str, str]) -> bool:
    return all(root[name] == leaf[name] for name in root.keys() & leaf.keys())


def _contradicts(root: HTTPMatchRequest, leaf: HTTPMatchRequest) -> bool:
    if not all(_narrower(getattr(root, name), getattr(leaf, name)) for name in _STRINGS):
        return True
    for name in _MAPS:
        ours, theirs = getattr(root, name), getattr(leaf, name)
        if not all(_narrower(ours[key], theirs[key]) for key in ours.keys() & theirs.keys()):
            return True
    if root.port and leaf.port and root.port != leaf.port:
        return True
    if root.source_namespace and leaf.source_namespace and root.source_namespace != leaf.source_namespace:
        return True
    return not _agree(root.source_labels, leaf.source_labels)


def _joined_name(root: str | None, leaf: str | None) -> str | None:
    return f"{root}-{leaf}" if root and leaf else leaf or root


def _both(root: HTTPMatchRequest, leaf: HTTPMatchRequest) -> HTTPMatchRequest:
    """The condition that holds where both hold."""
    return HTTPMatchRequest(
        name=_joined_name(root.name, leaf.name),
        uri=leaf.uri or root.uri,
        scheme=leaf.scheme or root.scheme,
        method=leaf.method or root.method,
        authority=leaf.authority or root.authority,
        headers={**root.headers, **leaf.headers},
        without_headers={**root.without_headers, **leaf.without_headers},
        query_params={**root.query_params, **leaf.query_params},
        ignore_uri_case=root.ignore_uri_case or leaf.ignore_uri_case,
        port=leaf.port or root.port,
        source_labels={**root.source_labels, **leaf.source_labels},
        source_namespace=leaf.source_namespace or root.source_namespace,
        gateways=root.gateways,
        stat_prefix=leaf.stat_prefix or root.stat_prefix,
    )


def _matches(root: HTTPRoute, leaf: HTTPRoute) -> tuple[HTTPMatchRequest, ...] | None:
    if not root.match or not leaf.match:
        return leaf.match or root.match
    found = [_both(ours, theirs) for theirs in leaf.match for ours in root.match if not _contradicts(ours, theirs)]
    return tuple(found) or None


def merged_rules(root: HTTPRoute, rules: Iterable[HTTPRoute]) -> tuple[HTTPRoute, ...]:
    """The rules that take the place of `root`, which delegates to `rules`."""
    made = []
    for leaf in rules:
        match = _matches(root, leaf)
        if match is None or leaf.delegate is not None:
            continue
        inherited = {name: getattr(root, name) for name in _INHERITED if not getattr(leaf, name)}
        made.append(msgspec.structs.replace(leaf, match=match, name=_joined_name(root.name, leaf.name), **inherited))
    return tuple(made)
