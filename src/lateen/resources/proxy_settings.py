"""ProxyConfig of the mesh config: how proxies are started.

Reference: https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#ProxyConfig In: `defaultConfig`, or the
pod annotation `proxy.istio.io/config`. Out: frozen structs; `ProxyConfig()` has Istio's defaults. Rule: not to be
confused with the resource of the same name in `proxy_config.py`.
"""

from typing import Literal

from lateen.resources.destination_rule import ClientTLSSettings, TcpKeepalive
from lateen.resources.extension_providers import Empty
from lateen.resources.proxy_config import ProxyImage
from lateen.resources.structs import IstioStruct
from lateen.resources.telemetry import EnvironmentTag, HeaderTag, LiteralTag
from lateen.resources.workload_group import ReadinessProbe

AuthenticationPolicy = Literal["NONE", "MUTUAL_TLS", "INHERIT"]
TracingServiceName = Literal["APP_LABEL_AND_NAMESPACE", "CANONICAL_NAME_ONLY", "CANONICAL_NAME_AND_NAMESPACE"]
InterceptionMode = Literal["REDIRECT", "TPROXY", "NONE"]
ForwardClientCertDetails = Literal[
    "UNDEFINED", "SANITIZE", "FORWARD_ONLY", "APPEND_FORWARD", "SANITIZE_SET", "ALWAYS_FORWARD_ONLY"
]
TraceContext = Literal["UNSPECIFIED", "W3C_TRACE_CONTEXT", "GRPC_BIN", "CLOUD_TRACE_CONTEXT", "B3"]
UnderscoresAction = Literal[
    "HEADERS_WITH_UNDERSCORES_UNSPECIFIED",
    "HEADERS_WITH_UNDERSCORES_ALLOW",
    "HEADERS_WITH_UNDERSCORES_REJECT_REQUEST",
    "HEADERS_WITH_UNDERSCORES_DROP_HEADER",
]
EscapedSlashesAction = Literal[
    "PATH_WITH_ESCAPED_SLASHES_UNSPECIFIED",
    "KEEP_UNCHANGED",
    "REJECT_REQUEST",
    "UNESCAPE_AND_REDIRECT",
    "UNESCAPE_AND_FORWARD",
]


class TracerAddress(IstioStruct):
    """Where Zipkin, Datadog or Lightstep listens. .../#Tracing-Zipkin."""

    address: str | None = None
    access_token: str | None = None


class StackdriverTracer(IstioStruct):
    """Google Cloud's tracer. .../#Tracing-Stackdriver."""

    debug: bool = False
    max_number_of_attributes: int | None = None
    max_number_of_annotations: int | None = None
    max_number_of_message_events: int | None = None


class OpenCensusAgent(IstioStruct):
    """An OpenCensus agent. .../#Tracing-OpenCensusAgent."""

    address: str | None = None
    context: tuple[TraceContext, ...] = ()


class ProxyCustomTag(IstioStruct):
    """One of the three sources of a tag. .../#Tracing-CustomTag."""

    literal: LiteralTag | None = None
    environment: EnvironmentTag | None = None
    header: HeaderTag | None = None


class ProxyTracing(IstioStruct):
    """The tracer and the share of traced requests (0 to 100). .../#Tracing."""

    zipkin: TracerAddress | None = None
    lightstep: TracerAddress | None = None
    datadog: TracerAddress | None = None
    stackdriver: StackdriverTracer | None = None
    open_census_agent: OpenCensusAgent | None = None
    custom_tags: dict[str, ProxyCustomTag] = {}
    max_path_tag_length: int | None = None
    sampling: float | None = None
    tls_settings: ClientTLSSettings | None = None
    enable_istio_tags: bool | None = None


class SecretDiscoveryPath(IstioStruct):
    """Where secrets come from (deprecated). .../#SDS."""

    enabled: bool = False
    k8s_sa_jwt_path: str | None = None


class Topology(IstioStruct):
    """Proxies in front of a gateway. .../#Topology."""

    num_trusted_proxies: int | None = None
    forward_client_cert_details: ForwardClientCertDetails = "UNDEFINED"
    proxy_protocol: Empty | None = None


class KeyOffload(IstioStruct):
    """An accelerator for private keys. .../#PrivateKeyProvider-CryptoMb."""

    poll_delay: str | None = None
    fallback: bool | None = None


class PrivateKeyProvider(IstioStruct):
    """Who computes with private keys. .../#PrivateKeyProvider."""

    cryptomb: KeyOffload | None = None
    qat: KeyOffload | None = None


class RemoteService(IstioStruct):
    """A service that takes logs or metrics. .../#RemoteService."""

    address: str | None = None
    tls_settings: ClientTLSSettings | None = None
    tcp_keepalive: TcpKeepalive | None = None


class StatsMatcher(IstioStruct):
    """Statistics that Envoy keeps in addition. .../#ProxyConfig-ProxyStatsMatcher."""

    inclusion_prefixes: tuple[str, ...] = ()
    inclusion_suffixes: tuple[str, ...] = ()
    inclusion_regexps: tuple[str, ...] = ()


class ServerHeader(IstioStruct):
    """The `server` header of answers. .../#ProxyConfig-ProxyHeaders-Server."""

    disabled: bool | None = None
    value: str | None = None


class DisabledHeader(IstioStruct):
    """A header that can be turned off. .../#ProxyConfig-ProxyHeaders-RequestId."""

    disabled: bool | None = None


class EnabledHeader(IstioStruct):
    """A header that can be turned on. .../#ProxyConfig-ProxyHeaders-XForwardedHost."""

    enabled: bool | None = None


class MetadataExchangeHeaders(IstioStruct):
    """Headers that tell peers about each other. .../#ProxyConfig-ProxyHeaders-MetadataExchangeHeaders."""

    mode: Literal["UNDEFINED", "IN_MESH"] = "UNDEFINED"


class ClientCertDetails(IstioStruct):
    """What of a client's certificate is forwarded. .../#ProxyConfig-ProxyHeaders-SetCurrentClientCertDetails."""

    subject: bool | None = None
    cert: bool | None = None
    chain: bool | None = None
    dns: bool | None = None
    uri: bool | None = None


class ProxyHeaders(IstioStruct):
    """Headers that the proxy adds. .../#ProxyConfig-ProxyHeaders."""

    forwarded_client_cert: ForwardClientCertDetails = "UNDEFINED"
    set_current_client_cert_details: ClientCertDetails | None = None
    request_id: DisabledHeader | None = None
    server: ServerHeader | None = None
    attempt_count: DisabledHeader | None = None
    envoy_debug_headers: DisabledHeader | None = None
    metadata_exchange_headers: MetadataExchangeHeaders | None = None
    preserve_http1_header_case: bool | None = None
    x_forwarded_host: EnabledHeader | None = None
    x_forwarded_port: EnabledHeader | None = None


class ConnectionSettings(IstioStruct):
    """Limits of the proxy's own listeners. .../#ProxyConfig-ConnectionSettings."""

    profile: Literal["SIDECAR", "EDGE"] = "SIDECAR"
    listener_per_connection_buffer_limit_bytes: int | None = None
    cluster_per_connection_buffer_limit_bytes: int | None = None
    http_idle_timeout: str | None = None
    http_max_connection_duration: str | None = None
    http_drain_timeout: str | None = None
    http_request_timeout: str | None = None
    http_request_headers_timeout: str | None = None
    http_stream_idle_timeout: str | None = None
    http_max_stream_duration: str | None = None
    http_max_concurrent_streams: int | None = None
    http2_initial_stream_window_size: int | None = None
    http2_initial_connection_window_size: int | None = None
    http_headers_with_underscores_action: UnderscoresAction = "HEADERS_WITH_UNDERSCORES_UNSPECIFIED"
    http_merge_slashes: bool | None = None
    http_path_with_escaped_slashes_action: EscapedSlashesAction = "PATH_WITH_ESCAPED_SLASHES_UNSPECIFIED"
    listener_connection_limit: int | None = None
    global_downstream_connection_limit: int | None = None


class ProxyConfig(IstioStruct):
    """How a proxy is started. .../#ProxyConfig. `service_cluster` and `tracing_service_name` exclude each other."""

    config_path: str = "./etc/istio/proxy"
    binary_path: str = "/usr/local/bin/envoy"
    service_cluster: str | None = "istio-proxy"
    tracing_service_name: TracingServiceName | None = None
    drain_duration: str = "45s"
    discovery_address: str = "istiod.istio-system.svc:15012"
    discovery_refresh_delay: str | None = None
    zipkin_address: str | None = None
    statsd_udp_address: str | None = None
    envoy_metrics_service_address: str | None = None
    proxy_admin_port: int = 15000
    availability_zone: str | None = None
    control_plane_auth_policy: AuthenticationPolicy = "MUTUAL_TLS"
    custom_config_file: str | None = None
    stat_name_length: int = 189
    concurrency: int | None = None
    proxy_bootstrap_template_path: str | None = None
    interception_mode: InterceptionMode = "REDIRECT"
    tracing: ProxyTracing | None = None
    sds: SecretDiscoveryPath | None = None
    envoy_access_log_service: RemoteService | None = None
    envoy_metrics_service: RemoteService | None = None
    proxy_metadata: dict[str, str] = {}
    runtime_values: dict[str, str] = {}
    status_port: int = 15020
    extra_stat_tags: tuple[str, ...] = ()
    gateway_topology: Topology | None = None
    termination_drain_duration: str = "5s"
    mesh_id: str | None = None
    readiness_probe: ReadinessProbe | None = None
    proxy_stats_matcher: StatsMatcher | None = None
    hold_application_until_proxy_starts: bool | None = None
    ca_certificates_pem: tuple[str, ...] = ()
    image: ProxyImage | None = None
    private_key_provider: PrivateKeyProvider | None = None
    proxy_headers: ProxyHeaders | None = None
    file_flush_interval: str | None = None
    file_flush_min_size_kb: int | None = None
    stats_compression: bool | None = None
    connection_settings: ConnectionSettings | None = None
