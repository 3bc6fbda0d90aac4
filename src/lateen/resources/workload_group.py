"""WorkloadGroup: the template of the WorkloadEntries that register themselves, and their health check.

Reference: https://istio.io/latest/docs/reference/config/networking/workload-group/
In: the `spec` of the object. Out: frozen structs.
"""

from lateen.resources.structs import IstioStruct
from lateen.resources.workload_entry import WorkloadEntrySpec


class GroupMetadata(IstioStruct):
    """Labels and annotations of the entries. .../workload-group/#WorkloadGroup-ObjectMeta."""

    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class HTTPHeader(IstioStruct):
    """A header of the health check. .../workload-group/#HTTPHeader."""

    name: str | None = None
    value: str | None = None


class HTTPHealthCheck(IstioStruct):
    """A GET that must answer with 200 to 399. .../workload-group/#HTTPHealthCheckConfig."""

    port: int
    path: str | None = None
    host: str | None = None
    scheme: str | None = None
    http_headers: tuple[HTTPHeader, ...] = ()


class TCPHealthCheck(IstioStruct):
    """A connection that must open. .../workload-group/#TCPHealthCheckConfig."""

    port: int
    host: str | None = None


class ExecHealthCheck(IstioStruct):
    """A command that must exit with 0. .../workload-group/#ExecHealthCheckConfig."""

    command: tuple[str, ...]


class GrpcHealthCheck(IstioStruct):
    """The standard gRPC health service. .../workload-group/#GrpcHealthCheckConfig."""

    port: int | None = None
    service: str | None = None


class ReadinessProbe(IstioStruct):
    """How the health of a workload is found out. .../workload-group/#ReadinessProbe."""

    initial_delay_seconds: int | None = None
    timeout_seconds: int | None = None
    period_seconds: int | None = None
    success_threshold: int | None = None
    failure_threshold: int | None = None
    http_get: HTTPHealthCheck | None = None
    tcp_socket: TCPHealthCheck | None = None
    exec: ExecHealthCheck | None = None
    grpc: GrpcHealthCheck | None = None


class WorkloadGroupSpec(IstioStruct):
    """Metadata, template and probe of the group. .../workload-group/#WorkloadGroup."""

    template: WorkloadEntrySpec
    metadata: GroupMetadata | None = None
    probe: ReadinessProbe | None = None
