"""What a workload serves, and under which rules: the view on which its inbound configuration depends.

In: services that select the workload, its policies, its pod's named ports. Out: `InboundView`; replicas of one
workload have equal views and share one translation. Rule: one target per port of the workload; where two services
claim it, the older one's protocol counts, as in Istio.
"""

from dataclasses import dataclass

from lateen.engine import Database, query
from lateen.mesh.authn import PeerModes, peer_modes
from lateen.mesh.authn_jwt import token_policies
from lateen.mesh.authz import Applied, applied
from lateen.mesh.node import Labels, ProxyNode
from lateen.mesh.protocols import Protocol
from lateen.mesh.selectors import selects
from lateen.mesh.services import SERVICES, Port, Service
from lateen.resources.model import ResourceKey
from lateen.resources.numbers import digits
from lateen.resources.tables import RESOURCES


@dataclass(frozen=True, slots=True)
class ServiceTarget:
    """A port of the workload that a service leads to.

    `service_port` is the number that callers use, `port` the workload's own.
    """

    port: int
    service_port: int
    hostname: str
    protocol: Protocol


@dataclass(frozen=True, slots=True)
class InboundView:
    """All that decides about a workload's inbound side."""

    namespace: str
    targets: tuple[ServiceTarget, ...]
    modes: PeerModes
    policies: Applied
    token_policies: tuple[ResourceKey, ...] = ()
    ipv4: bool = True
    ipv6: bool = False
    interception: str = "REDIRECT"


@query
def named_ports(db: Database, pod: ResourceKey) -> tuple[tuple[str, int], ...]:
    """The ports that a pod's containers have named, as (name, number)."""
    found = db.get(RESOURCES, pod)
    if found is None:
        return ()
    ports = (port for container in found.spec.containers for port in container.ports)
    return tuple(sorted((port.name, port.container_port) for port in ports if port.name))


def _target_port(port: Port, named: dict[str, int]) -> int | None:
    """The number on the workload; None if the pod has no port of that name, or if it is no port at all."""
    wanted = port.target or str(port.number)
    number = digits(wanted)
    if number is None:
        number = named.get(wanted, 0)
    return number if 1 <= number <= 65535 else None


def _age(service: Service) -> tuple[str, str, str]:
    return (service.created, service.name, service.namespace)


def _services(db: Database, namespace: str, labels: Labels) -> list[Service]:
    keys = (key for label in labels for key in db.lookup(SERVICES, "selecting", (namespace, label)))
    found = (db.get(SERVICES, key) for key in keys)
    chosen = [one for one in found if one is not None and selects(dict(one.selector), labels)]
    return sorted(chosen, key=_age)


@query
def service_ports(db: Database, namespace: str, labels: Labels, pod: ResourceKey) -> tuple[ServiceTarget, ...]:
    """Every port of every service that selects the workload, oldest service first.

    Ports whose name the pod lacks are left out.
    """
    named = dict(named_ports(db, pod))
    found = []
    for service in _services(db, namespace, labels):
        for port in service.ports:
            number = _target_port(port, named)
            if number is not None and port.protocol is not Protocol.UDP:
                found.append(ServiceTarget(number, port.number, service.hostname, port.protocol))
    return tuple(found)


def pod_key(node: ProxyNode) -> ResourceKey:
    """The pod in which a proxy runs."""
    return ResourceKey("Pod", node.namespace, node.pod_name)


@query
def inbound_view(db: Database, node: ProxyNode) -> InboundView:
    """The view of one proxy."""
    ports = service_ports(db, node.namespace, node.labels, pod_key(node))
    first_by_port = {target.port: target for target in reversed(ports)}
    return InboundView(
        namespace=node.namespace,
        targets=tuple(target for _, target in sorted(first_by_port.items())),
        modes=peer_modes(db, node.namespace, node.labels),
        policies=applied(db, node.namespace, node.labels),
        token_policies=token_policies(db, node.namespace, node.labels),
        ipv4=any(":" not in address for address in node.ip_addresses) or not node.ip_addresses,
        ipv6=any(":" in address for address in node.ip_addresses),
        interception=node.interception_mode,
    )
