"""Everything that can be called, in one form: Kubernetes Services and the hosts of ServiceEntries.

In: Service and ServiceEntry resources. Out: the collection `SERVICES` and questions to it. Endpoints are not in here
on purpose: they change all the time, and what reads a `Service` (listeners, routes, clusters) must not notice. Rule:
a host that two objects declare belongs to the Kubernetes Service if there is one, else to the caller's own namespace,
else to the oldest.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Literal

import msgspec

from lateen.engine import Collection, Database, query
from lateen.mesh.domain import cluster_domain
from lateen.mesh.hosts import is_cidr, is_ip, service_host, subset_key
from lateen.mesh.node import Labels
from lateen.mesh.protocols import Protocol, parse_protocol, protocol_of
from lateen.mesh.selectors import labels_of
from lateen.mesh.validity import accepted
from lateen.mesh.visibility import EVERYWHERE, default_service_exports, exports, seen_from
from lateen.resources.model import Resource, ResourceKey
from lateen.resources.tables import RESOURCES

EXPORT_ANNOTATION = "networking.istio.io/exportTo"
UNSPECIFIED = "0.0.0.0"


class Resolution(StrEnum):
    """How the addresses of a service are found."""

    STATIC = "STATIC"
    DNS = "DNS"
    DNS_ROUND_ROBIN = "DNS_ROUND_ROBIN"
    PASSTHROUGH = "PASSTHROUGH"
    DYNAMIC_DNS = "DYNAMIC_DNS"
    ALIAS = "ALIAS"


class Port(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """One port of a service. `target` is the port (or its name) on the workload; "" means the same number."""

    number: int
    name: str
    protocol: Protocol
    target: str = ""


class ServiceKey(msgspec.Struct, frozen=True, order=True, cache_hash=True, gc=False):
    """Which service: its host name, and the object that declares it."""

    hostname: str
    source: ResourceKey


class Service(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """One callable host. `addresses` may be empty (headless, external by name) or hold address ranges."""

    hostname: str
    namespace: str
    name: str
    registry: Literal["Kubernetes", "External"]
    source: ResourceKey
    ports: tuple[Port, ...]
    resolution: Resolution
    addresses: tuple[str, ...] = ()
    mesh_external: bool = False
    exports: tuple[str, ...] = (EVERYWHERE,)
    labels: Labels = ()
    selector: Labels = ()
    subject_alt_names: tuple[str, ...] = ()
    created: str = ""
    alias_of: str = ""
    publish_not_ready: bool = False

    @property
    def key(self) -> ServiceKey:
        """The key under which `SERVICES` holds this service."""
        return ServiceKey(self.hostname, self.source)

    @property
    def address(self) -> str:
        """The first address; `0.0.0.0` where the service has none."""
        return self.addresses[0] if self.addresses else UNSPECIFIED

    @property
    def headless(self) -> bool:
        """A Kubernetes service without an address of its own."""
        return self.resolution is Resolution.PASSTHROUGH and self.registry == "Kubernetes"

    def port(self, number: int) -> Port | None:
        """The port with that number that a proxy handles: not UDP, which may have the same number."""
        found = (port for port in self.ports if port.number == number and port.protocol is not Protocol.UDP)
        return next(found, None)


def _is_port(number: int) -> bool:
    """Whether a listener or an endpoint could have that port. The API server refuses others; files may have them."""
    return 1 <= number <= 65535


def _kube_ports(resource: Resource) -> tuple[Port, ...]:
    return tuple(
        Port(
            number=port.port,
            name=port.name or "",
            protocol=protocol_of(port.name, port.app_protocol, port.port, port.protocol),
            target="" if port.target_port is None else str(port.target_port),
        )
        for port in resource.spec.ports
        if _is_port(port.port)
    )


def _kube_addresses(resource: Resource) -> tuple[str, ...]:
    listed = resource.spec.cluster_ips or ((resource.spec.cluster_ip,) if resource.spec.cluster_ip else ())
    return tuple(address for address in listed if is_ip(address))  # Envoy refuses a table with another


def _kube_resolution(resource: Resource) -> Resolution:
    if resource.spec.type == "ExternalName":
        return Resolution.ALIAS
    return Resolution.PASSTHROUGH if resource.spec.cluster_ip == "None" else Resolution.STATIC


def _kube_service(db: Database, resource: Resource) -> Service:
    meta, spec = resource.meta, resource.spec
    annotated = tuple(part.strip() for part in meta.annotations.get(EXPORT_ANNOTATION, "").split(",") if part.strip())
    return Service(
        hostname=service_host(meta.name, meta.namespace, cluster_domain(db)),
        namespace=meta.namespace,
        name=meta.name,
        registry="Kubernetes",
        source=resource.key,
        ports=_kube_ports(resource),
        resolution=_kube_resolution(resource),
        addresses=_kube_addresses(resource),
        exports=exports(annotated, meta.namespace, default_service_exports(db)),
        labels=labels_of(meta.labels),
        selector=labels_of(spec.selector),
        created=meta.creation_timestamp,
        alias_of=(spec.external_name or "") if spec.type == "ExternalName" else "",
        publish_not_ready=bool(spec.publish_not_ready_addresses),
    )


_RESOLUTIONS = {
    "NONE": Resolution.PASSTHROUGH,
    "STATIC": Resolution.STATIC,
    "DNS": Resolution.DNS,
    "DNS_ROUND_ROBIN": Resolution.DNS_ROUND_ROBIN,
    "DYNAMIC_DNS": Resolution.DYNAMIC_DNS,
}


def _entry_ports(resource: Resource) -> tuple[Port, ...]:
    return tuple(
        Port(
            number=port.number or 0,
            name=port.name or "",
            protocol=parse_protocol(port.protocol or ""),
            target=str(port.target_port) if port.target_port else "",
        )
        for port in resource.spec.ports
        if _is_port(port.number or 0)
    )


def _entry_addresses(resource: Resource) -> tuple[str, ...]:
    kept = [address for address in resource.spec.addresses if is_ip(address) or is_cidr(address)]
    return tuple(
        address.removesuffix("/32") if ":" not in address else address.removesuffix("/128") for address in kept
    )


def _entry_services(db: Database, resource: Resource) -> Iterable[Service]:
    meta, spec = resource.meta, resource.spec
    addresses = _entry_addresses(resource)
    for host in dict.fromkeys(host.lower() for host in spec.hosts):
        yield Service(
            hostname=host,
            namespace=meta.namespace,
            name=meta.name,
            registry="External",
            source=resource.key,
            ports=_entry_ports(resource),
            resolution=_RESOLUTIONS.get(spec.resolution or "NONE", Resolution.PASSTHROUGH),
            addresses=addresses,
            mesh_external=spec.location != "MESH_INTERNAL",
            exports=exports(spec.export_to, meta.namespace, default_service_exports(db)),
            labels=labels_of(meta.labels),
            selector=labels_of(spec.workload_selector.labels if spec.workload_selector is not None else None),
            subject_alt_names=tuple(spec.subject_alt_names),
            created=meta.creation_timestamp,
        )


def _services_of(db: Database, key: ResourceKey, resource: Resource) -> Iterable[tuple[ServiceKey, Service]]:
    if key.kind == "Service":
        service = _kube_service(db, resource)
        yield service.key, service
    elif key.kind == "ServiceEntry" and accepted(db, key):
        for service in _entry_services(db, resource):
            yield service.key, service


def _http_ports(_key: ServiceKey, service: Service) -> Iterable[int]:
    """The ports on which HTTP is declared or may be detected."""
    if service.resolution is Resolution.ALIAS:
        return ()
    return {port.number for port in service.ports if port.protocol.is_http or port.protocol.is_sniffed}


def byte_slots(service: Service) -> list[tuple[str, int]]:
    """Where proxies tell an external service by nothing but (address, port): bytes have no host name."""
    if service.registry == "Kubernetes":
        return []
    ports = [port.number for port in service.ports if port.protocol.is_tcp and not port.protocol.is_tls]
    return [(address, number) for address in service.addresses or (UNSPECIFIED,) for number in ports]


SERVICES: Collection[ServiceKey, Service] = Collection(
    "services",
    RESOURCES,
    _services_of,
    indexes={
        "host": lambda key, _service: [key.hostname],
        "export": lambda _key, service: service.exports,
        "http_port": _http_ports,
        "source": lambda key, _service: [key.source],
        "bytes": lambda _key, service: byte_slots(service),
        "selecting": lambda _key, service: [(service.namespace, service.selector[0])] if service.selector else [],
        "alias": lambda _key, service: [service.alias_of] if service.alias_of else [],
        "wildcard": lambda key, _service: ["*"] if key.hostname.startswith("*") else [],
    },
)
"""Every callable host, keyed by host name and declaring object."""


def _preference(service: Service, namespace: str) -> tuple[bool, bool, str, str, str]:
    return (
        service.registry != "Kubernetes",
        service.namespace != namespace,
        service.created,
        service.namespace,
        service.name,
    )


@query
def service_named(db: Database, namespace: str, hostname: str) -> Service | None:
    """The service that a caller in `namespace` reaches under `hostname`; None if it may see none."""
    found = [db.get(SERVICES, key) for key in db.lookup(SERVICES, "host", hostname)]
    seen = [service for service in found if service is not None and seen_from(service.exports, namespace)]
    return min(seen, key=lambda service: _preference(service, namespace), default=None)


@query
def visible_hosts(db: Database, namespace: str) -> tuple[str, ...]:
    """The host names that a caller in `namespace` may see, sorted. Depends on which services exist, not on what is in
    them.
    """
    keys = {*db.lookup(SERVICES, "export", EVERYWHERE), *db.lookup(SERVICES, "export", namespace)}
    return tuple(sorted({key.hostname for key in keys}))


def aliases_of(db: Database, namespace: str, hostname: str) -> tuple[str, ...]:
    """Host names of ExternalName services that stand for `hostname`, as far as `namespace` sees them. Nearly always
    none, so remembering would cost more than asking.
    """
    found = [db.get(SERVICES, key) for key in db.lookup(SERVICES, "alias", hostname)]
    return tuple(
        sorted(service.hostname for service in found if service is not None and seen_from(service.exports, namespace))
    )


@query
def cluster_for(db: Database, name: str, port: int) -> tuple[str, str] | None:
    """(host, cluster name) of a service named `host` or `namespace/host`, as extension providers write it; None if
    there is none.
    """
    namespace, _, host = name.rpartition("/")
    found = [db.get(SERVICES, key) for key in db.lookup(SERVICES, "host", host.lower())]
    named = [service for service in found if service is not None and namespace in ("", service.namespace)]
    if len({service.namespace for service in named}) != 1:
        return None
    return named[0].hostname, subset_key("outbound", "", named[0].hostname, port)
