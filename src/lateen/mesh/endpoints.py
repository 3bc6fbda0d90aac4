"""Where the requests to a service can go: its endpoints, one list for each port.

In: EndpointSlices and workloads for Kubernetes Services; inline endpoints and workload selectors for ServiceEntries.
Out: `endpoints(db, key, port)`. Rule: nothing here reads routing or policy, and nothing that makes listeners, routes
or clusters reads this (headless and DNS-resolved services excepted, because their listeners and clusters contain
addresses).
"""

from collections.abc import Iterable

import msgspec

from lateen.engine import Collection, Database, query
from lateen.mesh.node import Labels
from lateen.mesh.selectors import labels_of, selects
from lateen.mesh.services import SERVICES, Port, Resolution, Service, ServiceKey
from lateen.mesh.workloads import NO_TLS, WORKLOADS, Locality, Workload, entry_tls_mode, locality_of
from lateen.resources.discovery import SERVICE_NAME_LABEL
from lateen.resources.model import Resource, ResourceKey
from lateen.resources.numbers import digits
from lateen.resources.tables import RESOURCES


class Endpoint(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """One address and port that serves. `address` is a host name where DNS resolves it; `weight` 0 means unset."""

    address: str
    port: int
    namespace: str
    workload: str = ""
    labels: Labels = ()
    service_account: str = ""
    tls_mode: str = NO_TLS
    locality: Locality = ("", "", "")
    network: str = ""
    weight: int = 0


def _slice(_db: Database, key: ResourceKey, resource: Resource) -> Iterable[tuple[ResourceKey, Resource]]:
    if key.kind == "EndpointSlice" and resource.meta.labels.get(SERVICE_NAME_LABEL):
        yield key, resource


SLICES: Collection[ResourceKey, Resource] = Collection(
    "endpoint_slices",
    RESOURCES,
    _slice,
    indexes={"service": lambda key, resource: [(key.namespace, resource.meta.labels[SERVICE_NAME_LABEL])]},
)
"""EndpointSlices that belong to a Service, indexed by (namespace, service name)."""


def _from_workload(workload: Workload, address: str, port: int) -> Endpoint:
    return Endpoint(
        address=address,
        port=port,
        namespace=workload.key.namespace,
        workload=workload.name,
        labels=workload.labels,
        service_account=workload.service_account,
        tls_mode=workload.tls_mode,
        locality=workload.locality,
        network=workload.network,
        weight=workload.weight,
    )


def _workload_at(db: Database, namespace: str, address: str, pod: str) -> Workload | None:
    if pod:
        return db.get(WORKLOADS, ResourceKey("Pod", namespace, pod))
    keys = db.lookup(WORKLOADS, "address", address)
    return db.get(WORKLOADS, keys[0]) if keys else None


def _slice_endpoints(db: Database, resource: Resource, port: Port) -> Iterable[Endpoint]:
    listed = (entry for entry in resource.spec.ports if entry.name == port.name and entry.protocol != "UDP")
    numbers = [entry.port for entry in listed if entry.port]
    for endpoint in resource.spec.endpoints:
        if endpoint.conditions.ready is False:
            continue
        reference = endpoint.target_ref
        pod = reference.name if reference is not None and reference.kind == "Pod" else ""
        for address in endpoint.addresses:
            workload = _workload_at(db, resource.namespace, address, pod or "")
            for number in numbers:
                if workload is None:
                    yield Endpoint(address, number, resource.namespace)
                else:
                    yield _from_workload(workload, address, number)


def _target_number(workload: Workload, port: Port) -> int:
    own = dict(workload.ports).get(port.name)
    return own or (digits(port.target) or port.number)


def _selected(db: Database, service: Service, kinds: tuple[str, ...], port: Port) -> Iterable[Endpoint]:
    for kind in kinds:
        for key in db.lookup(WORKLOADS, "kind_namespace", (kind, service.namespace)):
            workload = db.get(WORKLOADS, key)
            if workload is not None and not workload.finished and selects(dict(service.selector), workload.labels):
                for address in workload.addresses:
                    yield _from_workload(workload, address, _target_number(workload, port))


def _kube_endpoints(db: Database, service: Service, port: Port) -> Iterable[Endpoint]:
    for key in db.lookup(SLICES, "service", (service.namespace, service.name)):
        resource = db.get(SLICES, key)
        if resource is not None:
            yield from _slice_endpoints(db, resource, port)
    if service.selector:
        yield from _selected(db, service, ("WorkloadEntry",), port)


def _inline_endpoints(service: Service, resource: Resource, port: Port) -> Iterable[Endpoint]:
    for entry in resource.spec.endpoints:
        number = entry.ports.get(port.name) or (digits(port.target) or port.number)
        yield Endpoint(
            address=entry.address or "",
            port=number,
            namespace=service.namespace,
            workload=service.name,
            labels=labels_of(entry.labels),
            service_account=entry.service_account or "",
            tls_mode=entry_tls_mode(entry.labels, entry.service_account),
            locality=locality_of(entry.locality or ""),
            network=entry.network or "",
            weight=entry.weight or 0,
        )


def _entry_endpoints(db: Database, service: Service, port: Port) -> Iterable[Endpoint]:
    resource = db.get(RESOURCES, service.source)
    if resource is None:
        return
    if resource.spec.endpoints:
        yield from _inline_endpoints(service, resource, port)
    elif service.selector:
        yield from _selected(db, service, ("WorkloadEntry", "Pod"), port)
    elif service.resolution in (Resolution.DNS, Resolution.DNS_ROUND_ROBIN):
        number = digits(port.target) or port.number
        yield Endpoint(service.hostname, number, service.namespace, service.name)


@query
def endpoints(db: Database, key: ServiceKey, port_number: int) -> tuple[Endpoint, ...]:
    """The ready endpoints of one port of a service, sorted by address; none for an unknown service or port."""
    service = db.get(SERVICES, key)
    port = service.port(port_number) if service is not None else None
    if service is None or port is None:
        return ()
    source = _kube_endpoints if service.registry == "Kubernetes" else _entry_endpoints
    found = {(endpoint.address, endpoint.port): endpoint for endpoint in source(db, service, port)}
    return tuple(found[place] for place in sorted(found) if place[0])


@query
def addresses(db: Database, key: ServiceKey, port_number: int) -> tuple[str, ...]:
    """Only the addresses, for listeners of headless services: labels and weights of endpoints do not matter to them."""
    return tuple(dict.fromkeys(endpoint.address for endpoint in endpoints(db, key, port_number)))


@query
def all_speak_mutual_tls(db: Database, key: ServiceKey, port_number: int) -> bool:
    """Whether there are endpoints, and each of them has a sidecar. Asked where balancing is bypassed."""
    found = endpoints(db, key, port_number)
    return bool(found) and all(endpoint.tls_mode != NO_TLS for endpoint in found)
