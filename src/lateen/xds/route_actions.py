"""What happens to a matched request: forward (to one cluster or to several by weight), redirect, or answer at once.

In: an HTTPRoute and the means to name clusters (`Resolve`). Out: the action of an Envoy Route. Rule: nothing here
reads the database.
"""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any as Message

from envoy.config.route.v3 import route_components_pb2 as route_pb2

from lateen.resources.destination_rule import ConsistentHashLB
from lateen.resources.selectors import Destination
from lateen.resources.virtual_service import HTTPRedirect, HTTPRetry, HTTPRoute, HTTPRouteDestination, Percent
from lateen.xds.route_policies import edit_headers, hash_policy, mirror, retry_policy
from lateen.xds.values import duration, regex, seconds, shares, uint32

_REDIRECT_CODES = {
    301: route_pb2.RedirectAction.MOVED_PERMANENTLY,
    302: route_pb2.RedirectAction.FOUND,
    303: route_pb2.RedirectAction.SEE_OTHER,
    307: route_pb2.RedirectAction.TEMPORARY_REDIRECT,
    308: route_pb2.RedirectAction.PERMANENT_REDIRECT,
}


@dataclass(frozen=True)
class Resolve:
    """How destinations become clusters, and the other facts of the place where the route is used."""

    cluster_of: Callable[[Destination], str]
    hash_of: Callable[[str], ConsistentHashLB | None]
    port: int
    tls: bool
    retries: HTTPRetry | None


def _redirect_port(redirect: HTTPRedirect, resolve: Resolve) -> int:
    port = redirect.port or (resolve.port if redirect.derive_port == "FROM_REQUEST_PORT" else 0)
    scheme = redirect.scheme or ("https" if resolve.tls else "http")
    return 0 if (port, scheme) in ((80, "http"), (443, "https")) else port


def _redirect(out: Message, redirect: HTTPRedirect, resolve: Resolve) -> None:
    action = route_pb2.RedirectAction(
        host_redirect=redirect.authority or "",
        port_redirect=_redirect_port(redirect, resolve),
        response_code=_REDIRECT_CODES[redirect.redirect_code or 301],
    )
    if redirect.prefix_rewrite:
        action.prefix_rewrite = redirect.prefix_rewrite
    elif redirect.uri:
        action.path_redirect = redirect.uri
    if redirect.scheme:
        action.scheme_redirect = redirect.scheme
    out.redirect.CopyFrom(action)


def _answer(out: Message, http: HTTPRoute) -> None:
    answer = http.direct_response
    if answer is None:
        return
    out.direct_response.status = answer.status
    if answer.body is not None and answer.body.string is not None:
        out.direct_response.body.inline_string = answer.body.string
    elif answer.body is not None and answer.body.bytes is not None:
        out.direct_response.body.inline_bytes = _decoded(answer.body.bytes)


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except Base64Error:
        return b""


def set_timeout(action: Message, text: str | None) -> None:
    """The time limit of a route; none by default. A gRPC client may ask for less, and without a limit for anything."""
    limit = duration(text) if text else seconds(0)
    action.timeout.CopyFrom(limit)
    if text:
        # The newer field below makes Envoy ignore `timeout`, so the deprecated one stays where there is a limit.
        action.max_grpc_timeout.CopyFrom(limit)
    else:
        action.max_stream_duration.grpc_timeout_header_max.CopyFrom(limit)


def _rewrite(action: Message, http: HTTPRoute, authority: str) -> str:
    rewrite = http.rewrite
    if rewrite is None:
        return authority
    pattern = rewrite.uri_regex_rewrite
    if pattern is not None and pattern.match:
        action.regex_rewrite.pattern.CopyFrom(regex(pattern.match))
        action.regex_rewrite.substitution = pattern.rewrite or ""
    elif rewrite.uri:
        action.prefix_rewrite = rewrite.uri
    return rewrite.authority or authority


def _share(percentage: Percent | None, whole: int | None = None) -> float:
    if percentage is not None:
        return percentage.value
    return 100.0 if whole is None else float(whole)


def _mirrors(action: Message, http: HTTPRoute, resolve: Resolve) -> None:
    wanted = []
    if http.mirror is not None:
        wanted.append((http.mirror, _share(http.mirror_percentage, http.mirror_percent)))
    wanted.extend((item.destination, _share(item.percentage)) for item in http.mirrors)
    for destination, percent in wanted:
        policy = mirror(resolve.cluster_of(destination), percent)
        if policy is not None:
            action.request_mirror_policies.append(policy)


def _single(out: Message, target: HTTPRouteDestination, resolve: Resolve) -> ConsistentHashLB | None:
    action = out.route
    action.cluster = resolve.cluster_of(target.destination)
    authority = edit_headers(out, target.headers)
    if authority and action.WhichOneof("host_rewrite_specifier") is None:
        action.host_rewrite_literal = authority
    hashed = resolve.hash_of(action.cluster)
    policy = hash_policy(hashed)
    if policy is not None:
        action.hash_policy.append(policy)
    return hashed


def _weighted(out: Message, targets: tuple[HTTPRouteDestination, ...], resolve: Resolve) -> None:
    action = out.route
    kept = [target for target in targets if target.weight]
    for target, weight in zip(kept, shares([target.weight or 0 for target in kept]), strict=True):
        cluster = resolve.cluster_of(target.destination)
        share = route_pb2.WeightedCluster.ClusterWeight(name=cluster, weight=uint32(weight))
        authority = edit_headers(share, target.headers)
        if authority:
            share.host_rewrite_literal = authority
        action.weighted_clusters.clusters.append(share)
        policy = hash_policy(resolve.hash_of(cluster))
        if policy is not None and policy not in action.hash_policy:
            action.hash_policy.append(policy)


def _forward(out: Message, http: HTTPRoute, authority: str, resolve: Resolve) -> None:
    action = out.route
    set_timeout(action, http.timeout)
    authority = _rewrite(action, http, authority)
    if authority:
        action.host_rewrite_literal = authority
    _mirrors(action, http, resolve)
    hashed = None
    if len(http.route) == 1:
        hashed = _single(out, http.route[0], resolve)
    else:
        _weighted(out, http.route, resolve)
    policy = retry_policy(resolve.retries, sticky=hashed is not None)
    if policy is not None:
        action.retry_policy.CopyFrom(policy)


def apply_action(out: Message, http: HTTPRoute, authority: str, resolve: Resolve) -> None:
    """Put the action of `http` on the route `out`. `authority`: the one that header edits ask for, "" for none."""
    if http.redirect is not None:
        _redirect(out, http.redirect, resolve)
    elif http.direct_response is not None:
        _answer(out, http)
    else:
        _forward(out, http, authority, resolve)
