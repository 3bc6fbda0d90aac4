"""Rules for WorkloadEntry and WorkloadGroup.

In: specs and paths. Out: remarks. Reference: https://istio.io/latest/docs/reference/config/networking/workload-entry/
"""

from lateen.resources.model import Meta
from lateen.resources.validate import names
from lateen.resources.validate.headers import plain_header_name
from lateen.resources.validate.remarks import Remarks, error, warning
from lateen.resources.workload_entry import WorkloadEntrySpec
from lateen.resources.workload_group import ReadinessProbe, WorkloadGroupSpec


def workload_entry_kind(spec: WorkloadEntrySpec, _meta: Meta) -> Remarks:
    """All rules of the kind WorkloadEntry."""
    yield from workload_entry(spec, "spec", domains=True)


def workload_entry(spec: WorkloadEntrySpec, path: str, *, domains: bool) -> Remarks:
    """A workload is at an address, a Unix socket or (where `domains`) a domain name, or on another network."""
    address = spec.address or ""
    if not address:
        if not spec.network:
            yield error(f"{path}.address", "is missing")
            return
        yield warning(f"{path}.address", f"is missing; the workload is reached through the gateway of {spec.network!r}")
    elif address.startswith(names.UNIX):
        yield from names.unix_address(address.removeprefix(names.UNIX), f"{path}.address")
        if spec.ports:
            yield error(f"{path}.ports", "a Unix socket has no ports")
    elif not names.is_address(address):
        what = "neither an IP address nor a domain name" if domains else "no IP address"
        if not domains or list(names.domain(address, path)):
            yield error(f"{path}.address", f"{address!r} is {what}")
    for name, number in spec.ports.items():
        yield from names.label(name, f"{path}.ports", "name of a port")
        yield from names.port(number, f"{path}.ports.{name}")
    yield from names.labels(spec.labels, f"{path}.labels")


def workload_group(spec: WorkloadGroupSpec, _meta: Meta) -> Remarks:
    """All rules of the kind WorkloadGroup."""
    if spec.metadata is not None:
        yield from names.labels(spec.metadata.labels, "spec.metadata.labels")
    if spec.probe is not None:
        yield from _probe(spec.probe, "spec.probe")


def _probe(probe: ReadinessProbe, path: str) -> Remarks:
    for field, number in (
        ("periodSeconds", probe.period_seconds),
        ("initialDelaySeconds", probe.initial_delay_seconds),
        ("timeoutSeconds", probe.timeout_seconds),
        ("successThreshold", probe.success_threshold),
        ("failureThreshold", probe.failure_threshold),
    ):
        yield from names.not_negative(number, f"{path}.{field}")
    methods = (probe.http_get, probe.tcp_socket, probe.exec, probe.grpc)
    if sum(method is not None for method in methods) != 1:
        yield error(path, "must have one of httpGet, tcpSocket, exec and grpc")
    if probe.http_get is not None:
        yield from names.port(probe.http_get.port, f"{path}.httpGet.port")
        if probe.http_get.scheme and probe.http_get.scheme not in ("HTTP", "HTTPS"):
            yield error(f"{path}.httpGet.scheme", f"{probe.http_get.scheme!r} is no scheme", "write HTTP or HTTPS")
        for index, header in enumerate(probe.http_get.http_headers):
            yield from plain_header_name(header.name or "", f"{path}.httpGet.httpHeaders[{index}].name")
    if probe.tcp_socket is not None:
        yield from names.port(probe.tcp_socket.port, f"{path}.tcpSocket.port")
    if probe.exec is not None and not probe.exec.command:
        yield error(f"{path}.exec.command", "is empty")
