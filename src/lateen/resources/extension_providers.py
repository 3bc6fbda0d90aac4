"""Extension providers of the mesh config: external authorizers, tracers, access logs, metrics.

Reference: https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-ExtensionProvider
In: entries of `extensionProviders`. Out: frozen structs. Rule: of an entry's providers exactly one is set.
"""

from typing import Any, Literal

import msgspec

from lateen.resources.structs import IstioStruct


class RequestBody(IstioStruct):
    """How much of a body an external authorizer gets. .../#...-EnvoyExternalAuthorizationRequestBody."""

    max_request_bytes: int | None = None
    allow_partial_message: bool = False
    pack_as_bytes: bool = False


class ExternalAuthorizationHttp(IstioStruct):
    """An external authorizer that is asked over HTTP. .../#...-EnvoyExternalAuthorizationHttpProvider."""

    service: str | None = None
    port: int | None = None
    timeout: str | None = None
    path_prefix: str | None = None
    fail_open: bool = False
    clear_route_cache: bool = False
    status_on_error: str | None = None
    include_headers_in_check: tuple[str, ...] = ()
    include_request_headers_in_check: tuple[str, ...] = ()
    include_additional_headers_in_check: dict[str, str] = {}
    include_request_body_in_check: RequestBody | None = None
    headers_to_upstream_on_allow: tuple[str, ...] = ()
    headers_to_downstream_on_deny: tuple[str, ...] = ()
    headers_to_downstream_on_allow: tuple[str, ...] = ()


class ExternalAuthorizationGrpc(IstioStruct):
    """An external authorizer that is asked over gRPC. .../#...-EnvoyExternalAuthorizationGrpcProvider."""

    service: str | None = None
    port: int | None = None
    timeout: str | None = None
    fail_open: bool = False
    clear_route_cache: bool = False
    status_on_error: str | None = None
    include_request_body_in_check: RequestBody | None = None


class HttpHeader(IstioStruct):
    """A header for a provider, given here or in the proxy's environment. .../#...-HttpHeader."""

    name: str | None = None
    value: str | None = None
    env_name: str | None = None


class HttpService(IstioStruct):
    """An HTTP exporter. .../#...-HttpService."""

    path: str | None = None
    timeout: str | None = None
    headers: tuple[HttpHeader, ...] = ()


class GrpcService(IstioStruct):
    """A gRPC exporter. .../#...-GrpcService."""

    timeout: str | None = None
    initial_metadata: tuple[HttpHeader, ...] = ()


class ZipkinTracing(IstioStruct):
    """Spans in Zipkin's form. .../#...-ZipkinTracingProvider."""

    service: str | None = None
    port: int | None = None
    max_tag_length: int | None = None
    enable_64bit_trace_id: bool = msgspec.field(default=False, name="enable64bitTraceId")
    path: str | None = None
    trace_context_option: Literal["USE_B3", "USE_B3_WITH_W3C_PROPAGATION"] = "USE_B3"
    timeout: str | None = None
    headers: tuple[HttpHeader, ...] = ()


class ServiceTracing(IstioStruct):
    """Spans to Datadog, Lightstep or SkyWalking. .../#...-DatadogTracingProvider."""

    service: str | None = None
    port: int | None = None
    access_token: str | None = None
    max_tag_length: int | None = None


class StackdriverLogging(IstioStruct):
    """Additional labels of Stackdriver's logs. .../#...-StackdriverProvider-Logging."""

    labels: dict[str, str] = {}


class Stackdriver(IstioStruct):
    """Google Cloud's telemetry. .../#...-StackdriverProvider."""

    debug: bool = False
    max_number_of_attributes: int | None = None
    max_number_of_annotations: int | None = None
    max_number_of_message_events: int | None = None
    max_tag_length: int | None = None
    logging: StackdriverLogging | None = None


class OpenCensusTracing(IstioStruct):
    """Spans to an OpenCensus agent (deprecated). .../#...-OpenCensusAgentTracingProvider."""

    service: str | None = None
    port: int | None = None
    context: tuple[Literal["UNSPECIFIED", "W3C_TRACE_CONTEXT", "GRPC_BIN", "CLOUD_TRACE_CONTEXT", "B3"], ...] = ()
    max_tag_length: int | None = None


class Empty(IstioStruct):
    """A message without fields, which says that something is on."""


class ResourceDetectors(IstioStruct):
    """Where OpenTelemetry's resource attributes come from. .../#...-ResourceDetectors."""

    environment: Empty | None = None
    dynatrace: Empty | None = None


class DynatraceApi(IstioStruct):
    """Where Dynatrace's sampling is asked for. .../#...-DynatraceSampler-DynatraceApi."""

    service: str | None = None
    port: int | None = None
    http: HttpService | None = None


class DynatraceSampler(IstioStruct):
    """Sampling by Dynatrace. .../#...-DynatraceSampler."""

    tenant: str | None = None
    cluster_id: int | None = None
    root_spans_per_minute: int | None = None
    http_service: DynatraceApi | None = None


class OpenTelemetryTracing(IstioStruct):
    """Spans in OpenTelemetry's form. .../#...-OpenTelemetryTracingProvider."""

    service: str | None = None
    port: int | None = None
    max_tag_length: int | None = None
    http: HttpService | None = None
    grpc: GrpcService | None = None
    resource_detectors: ResourceDetectors | None = None
    service_attribute_enrichment: Literal["ISTIO_CANONICAL", "OTEL_SEMANTIC_CONVENTIONS"] = "ISTIO_CANONICAL"
    dynatrace_sampler: DynatraceSampler | None = None


class LogFormat(IstioStruct):
    """A line of text or a JSON object, with Envoy's command operators.

    .../#...-EnvoyFileAccessLogProvider-LogFormat.
    """

    text: str | None = None
    labels: dict[str, Any] | None = None


class FileAccessLog(IstioStruct):
    """An access log in a file. .../#...-EnvoyFileAccessLogProvider."""

    path: str | None = None
    log_format: LogFormat | None = None
    omit_empty_values: bool = False


class HttpGrpcAccessLog(IstioStruct):
    """HTTP access logs over gRPC. .../#...-EnvoyHttpGrpcV3LogProvider."""

    service: str | None = None
    port: int | None = None
    log_name: str | None = None
    filter_state_objects_to_log: tuple[str, ...] = ()
    additional_request_headers_to_log: tuple[str, ...] = ()
    additional_response_headers_to_log: tuple[str, ...] = ()
    additional_response_trailers_to_log: tuple[str, ...] = ()


class TcpGrpcAccessLog(IstioStruct):
    """TCP access logs over gRPC. .../#...-EnvoyTcpGrpcV3LogProvider."""

    service: str | None = None
    port: int | None = None
    log_name: str | None = None
    filter_state_objects_to_log: tuple[str, ...] = ()


class OpenTelemetryAccessLog(IstioStruct):
    """Access logs in OpenTelemetry's form. .../#...-EnvoyOpenTelemetryLogProvider."""

    service: str | None = None
    port: int | None = None
    log_name: str | None = None
    log_format: LogFormat | None = None


class SecretDiscovery(IstioStruct):
    """A server of secrets. .../#...-SDSProvider."""

    name: str | None = None
    service: str | None = None
    port: int | None = None


class ExtensionProvider(IstioStruct):
    """A provider by name. .../#MeshConfig-ExtensionProvider."""

    name: str
    envoy_ext_authz_http: ExternalAuthorizationHttp | None = None
    envoy_ext_authz_grpc: ExternalAuthorizationGrpc | None = None
    zipkin: ZipkinTracing | None = None
    lightstep: ServiceTracing | None = None
    datadog: ServiceTracing | None = None
    stackdriver: Stackdriver | None = None
    opencensus: OpenCensusTracing | None = None
    skywalking: ServiceTracing | None = None
    opentelemetry: OpenTelemetryTracing | None = None
    prometheus: Empty | None = None
    envoy_file_access_log: FileAccessLog | None = None
    envoy_http_als: HttpGrpcAccessLog | None = None
    envoy_tcp_als: TcpGrpcAccessLog | None = None
    envoy_otel_als: OpenTelemetryAccessLog | None = None
    sds: SecretDiscovery | None = None


DEFAULT_PROVIDERS = (
    ExtensionProvider(name="prometheus", prometheus=Empty()),
    ExtensionProvider(name="stackdriver", stackdriver=Stackdriver()),
    ExtensionProvider(name="envoy", envoy_file_access_log=FileAccessLog(path="/dev/stdout")),
)
