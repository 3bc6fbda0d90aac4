"""Rules for ServiceEntry.

In: the spec and its metadata. Out: remarks. Reference:
https://istio.io/latest/docs/reference/config/networking/service-entry/
"""

from lateen.resources.model import Meta
from lateen.resources.service_entry import ServiceEntrySpec
from lateen.resources.validate import names
from lateen.resources.validate.remarks import Remarks, error, warning
from lateen.resources.validate.selectors import workload_labels
from lateen.resources.validate.workloads import workload_entry
from lateen.resources.workload_entry import WorkloadEntrySpec

_WAYPOINT_LABEL = "istio.io/use-waypoint"
_AUTO_ALLOCATE_LABEL = "networking.istio.io/enable-autoallocate-ip"
_DYNAMIC_PROTOCOLS = frozenset(("HTTP", "TLS", "GRPC", "HTTP2"))


def service_entry(spec: ServiceEntrySpec, meta: Meta) -> Remarks:
    """All rules of the kind."""
    if spec.workload_selector is not None:
        yield from workload_labels(spec.workload_selector.labels, "spec.workloadSelector.labels")
        if spec.endpoints:
            yield error("spec", "workloadSelector and endpoints exclude each other")
    yield from _hosts(spec)
    for index, address in enumerate(spec.addresses):
        yield from names.subnet(address, f"spec.addresses[{index}]")
    if any("/" in address for address in spec.addresses) and spec.resolution not in ("NONE", "STATIC"):
        yield error(
            "spec.addresses",
            f"blocks of addresses do not go with resolution {spec.resolution}; NONE and STATIC take them",
        )
    yield from _ports(spec, meta)
    match spec.resolution:
        case "NONE":
            yield from _none(spec)
        case "STATIC":
            yield from _static(spec)
        case "DNS" | "DNS_ROUND_ROBIN":
            yield from _dns(spec)
        case "DYNAMIC_DNS":
            yield from _dynamic_dns(spec, meta)
    yield from names.exports(spec.export_to, "spec.exportTo", meta.namespace, nobody=True)


def _hosts(spec: ServiceEntrySpec) -> Remarks:
    if not spec.hosts:
        yield error("spec.hosts", "is empty: which service is this?")
    for index, host in enumerate(spec.hosts):
        path = f"spec.hosts[{index}]"
        if host == "*":
            yield error(path, "the wildcard * is no host of a service entry")
            continue
        yield from names.wildcard_domain(host, path)
        if spec.resolution != "DYNAMIC_DNS":
            yield from names.no_partial_wildcard(host, path, mild=True)


def _ports(spec: ServiceEntrySpec, meta: Meta) -> Remarks:
    allocated = meta.labels.get(_AUTO_ALLOCATE_LABEL, "").lower() == "true"
    seen_names: set[str] = set()
    seen_numbers: set[int] = set()
    for index, port in enumerate(spec.ports):
        path = f"spec.ports[{index}]"
        if port.name in seen_names:
            yield error(f"{path}.name", f"{port.name!r} names another port already")
        if port.number in seen_numbers:
            yield error(f"{path}.number", f"{port.number} is another port's number already")
        seen_names.add(port.name)
        seen_numbers.add(port.number)
        yield from names.port(port.number, f"{path}.number")
        yield from names.label(port.name, f"{path}.name", "name of a port")
        yield from names.protocol(port.protocol, f"{path}.protocol")
        if port.target_port:
            yield from names.port(port.target_port, f"{path}.targetPort")
        if not spec.addresses and not allocated and port.protocol in (None, "", "TCP"):
            yield warning(
                path,
                "without spec.addresses, plain TCP for this service cannot be told from other traffic",
            )
    yield from _several_hosts(spec)


def _several_hosts(spec: ServiceEntrySpec) -> Remarks:
    """Plain TCP cannot tell one host from another."""
    plain = [
        port for port in spec.ports if (port.protocol or "").upper() not in names.HTTP_PROTOCOLS | names.TLS_PROTOCOLS
    ]
    if spec.resolution != "NONE" and len(spec.hosts) > 1 and plain:
        yield error(
            "spec.hosts", "plain TCP does not tell which of several hosts is meant", "make an entry for each host"
        )


def _none(spec: ServiceEntrySpec) -> Remarks:
    if spec.endpoints:
        yield error("spec.endpoints", "have no use with resolution NONE, which goes where the client was going")
    if spec.workload_selector is not None:
        yield warning("spec.workloadSelector", "has no use with resolution NONE")


def _static(spec: ServiceEntrySpec) -> Remarks:
    for index, endpoint in enumerate(spec.endpoints):
        path = f"spec.endpoints[{index}]"
        yield from workload_entry(endpoint, path, domains=False)
        yield from _defined_ports(spec, endpoint, path)
        if (endpoint.address or "").startswith(names.UNIX) and len(spec.ports) != 1:
            yield error(path, "a Unix socket stands for one port; the entry has another number of them")


def _defined_ports(spec: ServiceEntrySpec, endpoint: WorkloadEntrySpec, path: str) -> Remarks:
    known = {port.name for port in spec.ports}
    for name in endpoint.ports:
        if name not in known:
            yield error(f"{path}.ports.{name}", f"the entry has no port named {name!r}")


def _dns(spec: ServiceEntrySpec) -> Remarks:
    if not spec.endpoints:
        for index, host in enumerate(spec.hosts):
            if host != "*" and list(names.domain(host, "")):
                yield error(f"spec.hosts[{index}]", f"without endpoints, {host!r} cannot be resolved by DNS")
    if spec.resolution == "DNS_ROUND_ROBIN" and len(spec.endpoints) > 1:
        yield error("spec.endpoints", "DNS_ROUND_ROBIN resolves one name; here are several endpoints")
    for index, endpoint in enumerate(spec.endpoints):
        path = f"spec.endpoints[{index}]"
        if not names.is_address(endpoint.address or ""):
            yield from names.domain(endpoint.address, f"{path}.address")
        yield from names.labels(endpoint.labels, f"{path}.labels")
        yield from _defined_ports(spec, endpoint, path)
        for name, number in endpoint.ports.items():
            yield from names.port(number, f"{path}.ports.{name}")
    tcp = any((port.protocol or "").upper() in names.TCP_PROTOCOLS for port in spec.ports)
    if spec.addresses and tcp and len(spec.hosts) > 1:
        yield warning(
            "spec.hosts", "several hosts share the addresses, so a TCP connection does not tell which one is meant"
        )


def _dynamic_dns(spec: ServiceEntrySpec, meta: Meta) -> Remarks:
    for index, host in enumerate(spec.hosts):
        if "*" not in host:
            yield error(f"spec.hosts[{index}]", f"{host!r} is no wildcard, which DYNAMIC_DNS is for")
    for field, found in (("addresses", spec.addresses), ("endpoints", spec.endpoints)):
        if found:
            yield error(f"spec.{field}", "DYNAMIC_DNS finds addresses by the name that is asked for; none can be given")
    for index, port in enumerate(spec.ports):
        if (port.protocol or "").upper() not in _DYNAMIC_PROTOCOLS:
            yield error(
                f"spec.ports[{index}].protocol", "DYNAMIC_DNS needs a name in the request: HTTP, HTTP2, GRPC or TLS"
            )
    waypoint = meta.labels.get(_WAYPOINT_LABEL, "")
    if spec.location == "MESH_INTERNAL" and waypoint and waypoint.lower() != "none":
        yield error("spec.location", "a waypoint cannot serve DYNAMIC_DNS inside the mesh")
