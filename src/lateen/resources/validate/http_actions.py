"""Rules for what an HTTP route does with a request: redirect, answer, rewrite, retry, fail, mirror, allow origins.

In: the parts of a route and their paths. Out: remarks. Reference:
https://istio.io/latest/docs/reference/config/networking/virtual-service/
"""

from lateen.resources.numbers import digits
from lateen.resources.validate import names
from lateen.resources.validate.headers import cors_header_name
from lateen.resources.validate.remarks import Remarks, error, warning
from lateen.resources.validate.shared import destination
from lateen.resources.virtual_service import (
    CorsPolicy,
    FaultAbort,
    FaultDelay,
    HTTPDirectResponse,
    HTTPFaultInjection,
    HTTPMatchRequest,
    HTTPRedirect,
    HTTPRetry,
    HTTPRewrite,
    HTTPRoute,
    Percent,
)

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE"))
RETRY_ON = frozenset(
    (
        "5xx",
        "gateway-error",
        "reset",
        "reset-before-request",
        "connect-failure",
        "envoy-ratelimited",
        "retriable-4xx",
        "refused-stream",
        "retriable-status-codes",
        "retriable-headers",
        "http3-post-connect-failure",
        "cancelled",
        "deadline-exceeded",
        "internal",
        "resource-exhausted",
        "unavailable",
    )
)
GRPC_STATUSES = frozenset(
    (
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    )
)
_LARGE, _LARGEST = 100 * 1024, 1024 * 1024


def cors_policy(policy: CorsPolicy | None, path: str) -> Remarks:
    """Origins are of one sort each, methods are known, headers are names, the age is a duration."""
    if policy is None:
        return
    for index, origin in enumerate(policy.allow_origins):
        where = f"{path}.allowOrigins[{index}]"
        if not (origin.exact or origin.prefix or origin.regex):
            yield error(where, "says no origin: give exact, prefix or regex")
        if origin.regex:
            yield from names.regex(origin.regex, f"{where}.regex")
    for index, method in enumerate(policy.allow_methods):
        if method not in METHODS and method != "*":
            yield error(f"{path}.allowMethods[{index}]", f"{method!r} is no HTTP method")
    for field, headers in (("allowHeaders", policy.allow_headers), ("exposeHeaders", policy.expose_headers)):
        for index, name in enumerate(headers):
            yield from cors_header_name(name, f"{path}.{field}[{index}]")
    yield from names.duration(policy.max_age, f"{path}.maxAge", whole_seconds=True)


def fault(found: HTTPFaultInjection | None, path: str) -> Remarks:
    """A delay or an abort, well formed."""
    if found is None:
        return
    if found.delay is None and found.abort is None:
        yield error(path, "injects nothing: give a delay or an abort")
    if found.delay is not None:
        yield from _delay(found.delay, f"{path}.delay")
    if found.abort is not None:
        yield from _abort(found.abort, f"{path}.abort")


def _delay(delay: FaultDelay, path: str) -> Remarks:
    yield from _fraction(delay.percentage, f"{path}.percentage")
    yield from names.duration(delay.fixed_delay, f"{path}.fixedDelay")
    if delay.exponential_delay is not None:
        yield error(f"{path}.exponentialDelay", "is not supported", "use fixedDelay")


def _abort(abort: FaultAbort, path: str) -> Remarks:
    yield from _fraction(abort.percentage, f"{path}.percentage")
    if abort.http_status is not None:
        yield from _status(abort.http_status, f"{path}.httpStatus")
    elif abort.grpc_status is not None:
        if abort.grpc_status not in GRPC_STATUSES:
            yield error(f"{path}.grpcStatus", f"gRPC has no status {abort.grpc_status!r}", "NOT_FOUND is one")
    elif abort.http2_error is not None:
        yield error(f"{path}.http2Error", "is not supported", "use httpStatus or grpcStatus")
    else:
        yield warning(path, "aborts with nothing: give httpStatus or grpcStatus")


def _fraction(percentage: Percent | None, path: str) -> Remarks:
    value = 0.0 if percentage is None else percentage.value
    if not (value == 0 or 0.0001 <= value <= 100):
        yield error(f"{path}.value", f"{value:g} is no share: 0, or from 0.0001 to 100")


def _status(status: int, path: str) -> Remarks:
    if not 200 <= status <= 599:
        yield error(path, f"{status} is no status of an answer (200 to 599)")


def mirrors(route: HTTPRoute, path: str) -> Remarks:
    """Mirrors are destinations with a percentage."""
    if route.mirror_percent is not None:
        yield from names.percent(route.mirror_percent, f"{path}.mirrorPercent")
        yield warning(f"{path}.mirrorPercent", "is an old spelling", "write mirrorPercentage.value")
    if route.mirror_percentage is not None:
        yield from names.percent(route.mirror_percentage.value, f"{path}.mirrorPercentage.value")
    yield from destination(route.mirror, f"{path}.mirror")
    for index, mirror in enumerate(route.mirrors):
        where = f"{path}.mirrors[{index}]"
        yield from destination(mirror.destination, f"{where}.destination")
        if mirror.percentage is not None:
            yield from names.percent(mirror.percentage.value, f"{where}.percentage.value")


def redirect(found: HTTPRedirect | None, matches: tuple[HTTPMatchRequest, ...], path: str) -> Remarks:
    """A redirect changes something, says it once, and has a 3xx code."""
    if found is None:
        return
    if found.uri and found.prefix_rewrite:
        yield error(path, "uri and prefixRewrite exclude each other")
    if found.prefix_rewrite and any(match.uri is not None and match.uri.prefix is None for match in matches):
        yield error(f"{path}.prefixRewrite", "works only where every match of the route is by prefix")
    if found.port is not None and found.derive_port is not None:
        yield error(path, "port and derivePort exclude each other")
    port = found.port is not None or found.derive_port is not None
    if not (found.uri or found.prefix_rewrite or found.authority or found.scheme or port):
        yield error(path, "leads nowhere else: change the path, host, scheme or port")
    if found.redirect_code and not 300 <= found.redirect_code <= 399:
        yield error(f"{path}.redirectCode", f"{found.redirect_code} does not redirect; 300 to 399 do")
    if found.scheme and found.scheme not in ("http", "https"):
        yield error(f"{path}.scheme", f"{found.scheme!r} is no scheme for a redirect", "write http or https")
    if found.port:
        yield from names.port(found.port, f"{path}.port")


def direct_response(found: HTTPDirectResponse | None, path: str) -> Remarks:
    """A fixed answer has a status and a body that is not too long."""
    if found is None:
        return
    if found.body is not None:
        size = len((found.body.string or found.body.bytes or "").encode())
        if size > _LARGEST:
            yield error(f"{path}.body", f"is {size} bytes long; 1 MB is allowed")
        elif size > _LARGE:
            yield warning(f"{path}.body", f"is {size} bytes long, which every proxy gets with every change of a route")
    yield from _status(found.status, f"{path}.status")


def retries(found: HTTPRetry | None, path: str) -> Remarks:
    """Attempts are not negative, conditions are known, times are valid."""
    if found is None:
        return
    yield from names.not_negative(found.attempts, f"{path}.attempts")
    set_anyway = found.per_try_timeout is not None or found.retry_on or found.retry_remote_localities is not None
    if not found.attempts and set_anyway:
        yield error(f"{path}.attempts", "is 0, which turns retries off, and other settings of retries are given")
    yield from names.duration(found.per_try_timeout, f"{path}.perTryTimeout")
    yield from names.duration(found.backoff, f"{path}.backoff")
    for policy in (found.retry_on or "").split(",") if found.retry_on else ():
        if policy not in RETRY_ON and not 100 <= (digits(policy) or 0) <= 599:
            yield error(f"{path}.retryOn", f"{policy!r} is no reason to retry that proxies know")


def rewrite(found: HTTPRewrite | None, path: str) -> Remarks:
    """A rewrite changes something, and the path in one way only."""
    if found is None:
        return
    if found.uri and found.uri_regex_rewrite is not None:
        yield error(path, "uri and uriRegexRewrite exclude each other")
    if not (found.uri or found.uri_regex_rewrite is not None or found.authority):
        yield error(path, "rewrites nothing: give uri, uriRegexRewrite or authority")
    if found.uri_regex_rewrite is not None:
        where = f"{path}.uriRegexRewrite"
        if not found.uri_regex_rewrite.match or not found.uri_regex_rewrite.rewrite:
            yield error(where, "lacks match or rewrite; both are needed")
        else:
            yield from names.regex(found.uri_regex_rewrite.match, f"{where}.match")
