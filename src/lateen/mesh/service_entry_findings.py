"""What there is to say about a ServiceEntry that is well written and yet not reached.

In: one ServiceEntry, and the other external services. Out: findings. Rule: this only tells; which of two services that
cannot be told apart gets the bytes is decided in `xds.outbound_plan`: the first by host name.
"""

from collections.abc import Iterator

from lateen.engine import Database, query
from lateen.mesh.routing import routing_for
from lateen.mesh.services import SERVICES, UNSPECIFIED, Service, byte_slots
from lateen.mesh.visibility import seen_from
from lateen.resources.findings import Finding
from lateen.resources.model import ResourceKey


@query
def service_entry_findings(db: Database, key: ResourceKey) -> tuple[Finding, ...]:
    """The findings about one ServiceEntry; none if it does not exist."""
    services = (db.get(SERVICES, service) for service in db.lookup(SERVICES, "source", key))
    return tuple(finding for service in services if service is not None for finding in _hidden(db, service))


def _hidden(db: Database, service: Service) -> Iterator[Finding]:
    """Ports whose bytes go to another host, because nothing but the host name, which bytes lack, differs."""
    if routing_for(db, service.namespace, service.hostname) is not None:
        return  # a VirtualService may tell them apart
    for address, port in byte_slots(service):
        first = min(_rivals(db, service, address, port), default=service.hostname)
        if first < service.hostname:
            yield _unreachable(service, address, port, first)


def _rivals(db: Database, service: Service, address: str, port: int) -> Iterator[str]:
    for key in db.lookup(SERVICES, "bytes", (address, port)):
        other = db.get(SERVICES, key)
        if other is not None and seen_from(other.exports, service.namespace):
            yield other.hostname


def _unreachable(service: Service, address: str, port: int, first: str) -> Finding:
    where = f"port {port}" if address == UNSPECIFIED else f"{address}:{port}"
    return Finding(
        code="ServiceEntryNotTold",
        severity="warning",
        message=f"bytes for {where} go to {first}: they carry no host name, so {service.hostname} cannot be told apart",
        resource=service.source,
        path="spec.addresses",
        suggestion="give each host an address of its own, or declare the port as TLS or HTTP",
    )
