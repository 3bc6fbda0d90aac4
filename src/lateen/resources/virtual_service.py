"""VirtualService: which requests go where, and what happens to them on the way.

Reference: https://istio.io/latest/docs/reference/config/networking/virtual-service/
In: the `spec` of the object. Out: frozen structs. Rule: of a oneof's members at most one is set; `validate` checks
it, not the type.
"""

from typing import Literal

from lateen.resources.selectors import Destination
from lateen.resources.structs import IstioStruct

UnmatchedPreflights = Literal["UNSPECIFIED", "FORWARD", "IGNORE"]
RedirectPort = Literal["FROM_PROTOCOL_DEFAULT", "FROM_REQUEST_PORT"]


class StringMatch(IstioStruct):
    """One of exact, prefix or regular expression (RE2).

    An empty match says the name is present. .../virtual-service/#StringMatch.
    """

    exact: str | None = None
    prefix: str | None = None
    regex: str | None = None


class Percent(IstioStruct):
    """A share from 0.0 to 100.0. .../virtual-service/#Percent."""

    value: float = 0.0


class HeaderOperations(IstioStruct):
    """Headers to set, add and remove. .../virtual-service/#Headers-HeaderOperations."""

    set: dict[str, str] = {}
    add: dict[str, str] = {}
    remove: tuple[str, ...] = ()


class Headers(IstioStruct):
    """Changes to the headers of requests and responses. .../virtual-service/#Headers."""

    request: HeaderOperations | None = None
    response: HeaderOperations | None = None


class HTTPMatchRequest(IstioStruct):
    """Conditions on a request, all of which must hold. .../virtual-service/#HTTPMatchRequest."""

    name: str | None = None
    uri: StringMatch | None = None
    scheme: StringMatch | None = None
    method: StringMatch | None = None
    authority: StringMatch | None = None
    headers: dict[str, StringMatch] = {}
    without_headers: dict[str, StringMatch] = {}
    query_params: dict[str, StringMatch] = {}
    ignore_uri_case: bool = False
    port: int | None = None
    source_labels: dict[str, str] = {}
    source_namespace: str | None = None
    gateways: tuple[str, ...] = ()
    stat_prefix: str | None = None


class HTTPRouteDestination(IstioStruct):
    """A destination and its share of the traffic. .../virtual-service/#HTTPRouteDestination."""

    destination: Destination
    weight: int | None = None
    headers: Headers | None = None


class HTTPRedirect(IstioStruct):
    """An answer that sends the client elsewhere. .../virtual-service/#HTTPRedirect."""

    uri: str | None = None
    authority: str | None = None
    port: int | None = None
    derive_port: RedirectPort | None = None
    scheme: str | None = None
    redirect_code: int | None = None
    prefix_rewrite: str | None = None


class HTTPBody(IstioStruct):
    """A body given as text or as base64. .../virtual-service/#HTTPBody."""

    string: str | None = None
    bytes: str | None = None


class HTTPDirectResponse(IstioStruct):
    """A fixed answer without any destination. .../virtual-service/#HTTPDirectResponse."""

    status: int
    body: HTTPBody | None = None


class RegexRewrite(IstioStruct):
    """A rewrite of the path by RE2 with `\\1` for groups. .../virtual-service/#RegexRewrite."""

    match: str | None = None
    rewrite: str | None = None


class HTTPRewrite(IstioStruct):
    """Changes to path and authority before forwarding. .../virtual-service/#HTTPRewrite."""

    uri: str | None = None
    authority: str | None = None
    uri_regex_rewrite: RegexRewrite | None = None


class HTTPRetry(IstioStruct):
    """When and how often a request is tried again. .../virtual-service/#HTTPRetry."""

    attempts: int | None = None
    per_try_timeout: str | None = None
    retry_on: str | None = None
    retry_remote_localities: bool | None = None
    retry_ignore_previous_hosts: bool | None = None
    backoff: str | None = None


class FaultDelay(IstioStruct):
    """A delay put in front of requests. .../virtual-service/#HTTPFaultInjection-Delay."""

    fixed_delay: str | None = None
    exponential_delay: str | None = None
    percentage: Percent | None = None
    percent: int | None = None


class FaultAbort(IstioStruct):
    """An error instead of an answer. .../virtual-service/#HTTPFaultInjection-Abort."""

    http_status: int | None = None
    grpc_status: str | None = None
    http2_error: str | None = None
    percentage: Percent | None = None


class HTTPFaultInjection(IstioStruct):
    """Faults on purpose. .../virtual-service/#HTTPFaultInjection."""

    delay: FaultDelay | None = None
    abort: FaultAbort | None = None


class HTTPMirrorPolicy(IstioStruct):
    """A destination that gets copies. .../virtual-service/#HTTPMirrorPolicy."""

    destination: Destination
    percentage: Percent | None = None


class CorsPolicy(IstioStruct):
    """Cross-origin rules. .../virtual-service/#CorsPolicy. `allow_origin` is the deprecated list of exact origins."""

    allow_origin: tuple[str, ...] = ()
    allow_origins: tuple[StringMatch, ...] = ()
    allow_methods: tuple[str, ...] = ()
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    max_age: str | None = None
    allow_credentials: bool | None = None
    unmatched_preflights: UnmatchedPreflights = "UNSPECIFIED"


class Delegate(IstioStruct):
    """Another VirtualService that goes on with the routing. .../virtual-service/#Delegate."""

    name: str | None = None
    namespace: str | None = None


class HTTPRoute(IstioStruct):
    """One rule: conditions (any of them), and what is done. .../virtual-service/#HTTPRoute."""

    name: str | None = None
    match: tuple[HTTPMatchRequest, ...] = ()
    route: tuple[HTTPRouteDestination, ...] = ()
    redirect: HTTPRedirect | None = None
    direct_response: HTTPDirectResponse | None = None
    delegate: Delegate | None = None
    rewrite: HTTPRewrite | None = None
    timeout: str | None = None
    retries: HTTPRetry | None = None
    fault: HTTPFaultInjection | None = None
    mirror: Destination | None = None
    mirrors: tuple[HTTPMirrorPolicy, ...] = ()
    mirror_percent: int | None = None
    mirror_percentage: Percent | None = None
    cors_policy: CorsPolicy | None = None
    headers: Headers | None = None


class RouteDestination(IstioStruct):
    """A destination of TCP or TLS traffic and its share. .../virtual-service/#RouteDestination."""

    destination: Destination
    weight: int | None = None


class TLSMatchAttributes(IstioStruct):
    """Conditions on a TLS connection, known before it is decrypted. .../virtual-service/#TLSMatchAttributes."""

    sni_hosts: tuple[str, ...]
    destination_subnets: tuple[str, ...] = ()
    port: int | None = None
    source_labels: dict[str, str] = {}
    source_namespace: str | None = None
    gateways: tuple[str, ...] = ()


class TLSRoute(IstioStruct):
    """A rule for TLS that is passed through. .../virtual-service/#TLSRoute."""

    match: tuple[TLSMatchAttributes, ...]
    route: tuple[RouteDestination, ...] = ()


class L4MatchAttributes(IstioStruct):
    """Conditions on a TCP connection. .../virtual-service/#L4MatchAttributes."""

    destination_subnets: tuple[str, ...] = ()
    port: int | None = None
    source_subnet: str | None = None
    source_labels: dict[str, str] = {}
    source_namespace: str | None = None
    gateways: tuple[str, ...] = ()


class TCPRoute(IstioStruct):
    """A rule for plain TCP. .../virtual-service/#TCPRoute."""

    match: tuple[L4MatchAttributes, ...] = ()
    route: tuple[RouteDestination, ...] = ()


class VirtualServiceSpec(IstioStruct):
    """The hosts, the gateways at which they hold, and the rules in order. .../virtual-service/#VirtualService."""

    hosts: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    http: tuple[HTTPRoute, ...] = ()
    tls: tuple[TLSRoute, ...] = ()
    tcp: tuple[TCPRoute, ...] = ()
    export_to: tuple[str, ...] = ()
