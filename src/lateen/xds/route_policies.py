"""What a route does beside choosing a destination: retries, faults, CORS, mirrors, header edits, consistent hashing.

In: the parts of an HTTPRoute. Out: the matching parts of Envoy's Route. Rule: defaults are Istio's, written here once.
"""

from typing import Any as Message

from envoy.config.route.v3 import route_components_pb2 as route_pb2
from envoy.extensions.filters.common.fault.v3 import fault_pb2 as common_fault_pb2
from envoy.extensions.filters.http.cors.v3 import cors_pb2
from envoy.extensions.filters.http.fault.v3 import fault_pb2
from envoy.extensions.retry.host.previous_hosts.v3 import previous_hosts_pb2
from envoy.extensions.retry.priority.previous_priorities.v3 import previous_priorities_config_pb2

from lateen.resources.duration import parse_duration
from lateen.resources.numbers import digits
from lateen.xds.any import pack
from lateen.xds.values import (
    APPEND,
    OVERWRITE,
    boolean,
    bounded,
    duration,
    exact_matchers,
    fraction,
    header_options,
    runtime_fraction,
    string_matcher,
    uint32,
)

DEFAULT_RETRY_ON = "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes"
FAULT_FILTER = "envoy.filters.http.fault"
CORS_FILTER = "envoy.filters.http.cors"

# The names of gRPC's status codes, in the order of their numbers.
_GRPC_NAMES = (
    "OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED "
    "RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS "
    "UNAUTHENTICATED"
)
_GRPC_STATUS = {name: number for number, name in enumerate(_GRPC_NAMES.split())}


def _retry_on(text: str) -> tuple[str, list[int]]:
    words, codes = [], []
    for word in (part.strip() for part in text.split(",")):
        code = digits(word)
        if code is not None and 100 <= code < 600:
            codes.append(code)
        elif word:
            words.append(word)
    if codes and "retriable-status-codes" not in words:
        words.append("retriable-status-codes")
    return ",".join(words), codes


def _previous_hosts() -> list[Message]:
    return [
        route_pb2.RetryPolicy.RetryHostPredicate(
            name="envoy.retry_host_predicates.previous_hosts",
            typed_config=pack(previous_hosts_pb2.PreviousHostsPredicate()),
        )
    ]


def _default_retry(*, sticky: bool) -> Message:
    policy = route_pb2.RetryPolicy(
        num_retries=uint32(2), retry_on=DEFAULT_RETRY_ON, host_selection_retry_max_attempts=5
    )
    if not sticky:
        policy.retry_host_predicate.extend(_previous_hosts())
    return policy


def retry_policy(retries: Message, *, sticky: bool = False) -> Message:
    """Envoy's retry policy; None where retries are switched off (attempts 0). `sticky`: consistent hashing, so the
    same host may be tried again.
    """
    if retries is None:
        return _default_retry(sticky=sticky)
    if (retries.attempts or 0) <= 0:
        return None
    policy = _default_retry(sticky=sticky)
    policy.num_retries.value = bounded(retries.attempts)
    if retries.retry_on:
        words, codes = _retry_on(retries.retry_on)
        policy.retry_on = words
        policy.retriable_status_codes.extend(codes)
    if retries.per_try_timeout:
        policy.per_try_timeout.CopyFrom(duration(retries.per_try_timeout))
    if retries.retry_ignore_previous_hosts is not None:
        del policy.retry_host_predicate[:]
        if retries.retry_ignore_previous_hosts:
            policy.retry_host_predicate.extend(_previous_hosts())
    if retries.retry_remote_localities:
        policy.retry_priority.name = "envoy.retry_priorities.previous_priorities"
        config = previous_priorities_config_pb2.PreviousPrioritiesConfig(update_frequency=2)
        policy.retry_priority.typed_config.CopyFrom(pack(config))
    if retries.backoff:
        policy.retry_back_off.base_interval.CopyFrom(duration(retries.backoff))
    return policy


def _delay(delay: Message) -> Message:
    if delay is None or not delay.fixed_delay:
        return None
    share = delay.percentage.value if delay.percentage is not None else delay.percent
    return common_fault_pb2.FaultDelay(fixed_delay=duration(delay.fixed_delay), percentage=fraction(share or 0))


def _abort(abort: Message) -> Message:
    if abort is None:
        return None
    out = fault_pb2.FaultAbort()
    if abort.percentage is not None:
        out.percentage.CopyFrom(fraction(abort.percentage.value or 0))
    if abort.http_status:
        out.http_status = abort.http_status
    elif abort.grpc_status in _GRPC_STATUS:
        out.grpc_status = _GRPC_STATUS[abort.grpc_status]
    else:
        return None
    return out


def fault(injection: Message) -> Message:
    """The route's part of the fault filter; None if nothing is to be injected."""
    delay, abort = _delay(injection.delay), _abort(injection.abort)
    if delay is None and abort is None:
        return None
    return fault_pb2.HTTPFault(delay=delay, abort=abort)


def cors(policy: Message) -> Message:
    """The route's part of the CORS filter."""
    origins = [string_matcher(match) for match in policy.allow_origins] or exact_matchers(policy.allow_origin or ())
    out = cors_pb2.CorsPolicy(
        allow_origin_string_match=origins,
        allow_methods=",".join(policy.allow_methods),
        allow_headers=",".join(policy.allow_headers),
        expose_headers=",".join(policy.expose_headers),
        filter_enabled=runtime_fraction(100),
        forward_not_matching_preflights=boolean(policy.unmatched_preflights != "IGNORE"),
    )
    if policy.max_age:
        out.max_age = str(int(parse_duration(policy.max_age)))
    if policy.allow_credentials is not None:
        out.allow_credentials.CopyFrom(boolean(policy.allow_credentials))
    return out


def mirror(cluster: str, percent: float) -> Message:
    """Send a copy of `percent` of the requests to `cluster`; None for no copy."""
    if percent <= 0:
        return None
    return route_pb2.RouteAction.RequestMirrorPolicy(
        cluster=cluster, runtime_fraction=runtime_fraction(percent), trace_sampled=boolean(False)
    )


def hash_policy(consistent: Message) -> Message:
    """What of a request a consistent-hash balancer looks at; None without one."""
    if consistent is None:
        return None
    policy = route_pb2.RouteAction.HashPolicy
    if consistent.http_header_name:
        return policy(header=policy.Header(header_name=consistent.http_header_name))
    if consistent.http_cookie is not None:
        cookie = consistent.http_cookie
        ttl = duration(cookie.ttl) if cookie.ttl else None
        attributes = [policy.CookieAttribute(name=item.name, value=item.value or "") for item in cookie.attributes]
        return policy(cookie=policy.Cookie(name=cookie.name, path=cookie.path or "", ttl=ttl, attributes=attributes))
    if consistent.use_source_ip:
        return policy(connection_properties=policy.ConnectionProperties(source_ip=True))
    if consistent.http_query_parameter_name:
        return policy(query_parameter=policy.QueryParameter(name=consistent.http_query_parameter_name))
    return None


def _internal(name: str) -> bool:
    return name.startswith(":") or name.lower() == "host"


def _authority(headers: dict[str, str]) -> str:
    return next((headers[name] for name in sorted(headers) if name.lower() in (":authority", "host")), "")


def _edits(operations: Message) -> tuple[list[Message], list[str]]:
    if operations is None:
        return [], []
    kept = [
        {name: value for name, value in group.items() if not _internal(name)}
        for group in (operations.set, operations.add)
    ]
    to_add = header_options(kept[0], OVERWRITE) + header_options(kept[1], APPEND)
    return to_add, [name for name in operations.remove if name and not _internal(name) and name.isprintable()]


def edit_headers(out: Message, headers: Message) -> str:
    """Put header edits on `out` (a Route or a ClusterWeight), after those it has. Returns the authority that they ask
    for, "" for none.
    """
    if headers is None:
        return ""
    for side in ("request", "response"):
        to_add, to_remove = _edits(getattr(headers, side))
        getattr(out, f"{side}_headers_to_add").extend(to_add)
        getattr(out, f"{side}_headers_to_remove").extend(to_remove)
    request = headers.request
    return "" if request is None else _authority(request.set) or _authority(request.add)
