"""Telemetry: tracing, metrics and access logs of workloads.

Reference: https://istio.io/latest/docs/reference/config/telemetry/
In: the `spec` of the object. Out: frozen structs.
"""

from typing import Literal

from lateen.resources.selectors import PolicyTargetReference, WorkloadSelector
from lateen.resources.structs import IstioStruct

ReportingMode = Literal["CLIENT_AND_SERVER", "CLIENT", "SERVER"]
TagOperation = Literal["UPSERT", "REMOVE"]
StandardMetric = Literal[
    "ALL_METRICS",
    "REQUEST_COUNT",
    "REQUEST_DURATION",
    "REQUEST_SIZE",
    "RESPONSE_SIZE",
    "TCP_OPENED_CONNECTIONS",
    "TCP_CLOSED_CONNECTIONS",
    "TCP_SENT_BYTES",
    "TCP_RECEIVED_BYTES",
    "GRPC_REQUEST_MESSAGES",
    "GRPC_RESPONSE_MESSAGES",
]


class ProviderRef(IstioStruct):
    """A provider by its name in the mesh config. .../telemetry/#ProviderRef."""

    name: str


class ModeMatch(IstioStruct):
    """Which side of a request reports. .../telemetry/#AccessLogging-LogSelector and #Tracing-TracingSelector."""

    mode: ReportingMode = "CLIENT_AND_SERVER"


class LiteralTag(IstioStruct):
    """A tag with a fixed value. .../telemetry/#Tracing-Literal."""

    value: str


class EnvironmentTag(IstioStruct):
    """A tag from a variable of the proxy's environment. .../telemetry/#Tracing-Environment."""

    name: str
    default_value: str | None = None


class HeaderTag(IstioStruct):
    """A tag from a request header. .../telemetry/#Tracing-RequestHeader."""

    name: str
    default_value: str | None = None


class FormatterTag(IstioStruct):
    """A tag in the notation of access logs. .../telemetry/#Tracing-Formatter."""

    value: str


class CustomTag(IstioStruct):
    """One of the four sources of a tag. .../telemetry/#Tracing-CustomTag."""

    literal: LiteralTag | None = None
    environment: EnvironmentTag | None = None
    header: HeaderTag | None = None
    formatter: FormatterTag | None = None


class Tracing(IstioStruct):
    """Spans: to whom, how many, with which tags. .../telemetry/#Tracing."""

    match: ModeMatch | None = None
    providers: tuple[ProviderRef, ...] = ()
    random_sampling_percentage: float | None = None
    disable_span_reporting: bool | None = None
    disable_context_propagation: bool | None = None
    custom_tags: dict[str, CustomTag] = {}
    use_request_id_for_trace_sampling: bool | None = None
    enable_istio_tags: bool | None = None


class MetricSelector(IstioStruct):
    """A metric by its standard or own name, on one side or both. .../telemetry/#MetricSelector."""

    metric: StandardMetric | None = None
    custom_metric: str | None = None
    mode: ReportingMode = "CLIENT_AND_SERVER"


class TagOverride(IstioStruct):
    """A label of a metric that is set (an expression) or removed. .../telemetry/#MetricsOverrides-TagOverride."""

    operation: TagOperation = "UPSERT"
    value: str | None = None


class MetricsOverrides(IstioStruct):
    """Metrics that are off or labelled otherwise. .../telemetry/#MetricsOverrides."""

    match: MetricSelector | None = None
    disabled: bool | None = None
    tag_overrides: dict[str, TagOverride] = {}


class Metrics(IstioStruct):
    """Metrics: to whom, with which changes. .../telemetry/#Metrics."""

    providers: tuple[ProviderRef, ...] = ()
    overrides: tuple[MetricsOverrides, ...] = ()
    reporting_interval: str | None = None


class AccessLogFilter(IstioStruct):
    """A condition (CEL) on what is logged. .../telemetry/#AccessLogging-Filter."""

    expression: str | None = None


class AccessLogging(IstioStruct):
    """Access logs: to whom, which requests. .../telemetry/#AccessLogging."""

    match: ModeMatch | None = None
    providers: tuple[ProviderRef, ...] = ()
    disabled: bool | None = None
    filter: AccessLogFilter | None = None


class TelemetrySpec(IstioStruct):
    """The workloads and their three kinds of telemetry. .../telemetry/#Telemetry."""

    selector: WorkloadSelector | None = None
    target_ref: PolicyTargetReference | None = None
    target_refs: tuple[PolicyTargetReference, ...] = ()
    tracing: tuple[Tracing, ...] = ()
    metrics: tuple[Metrics, ...] = ()
    access_logging: tuple[AccessLogging, ...] = ()
