"""Which outbound listeners there are, and what meets on each: decided before anything is built.

In: an outbound view. Out: `ListenerPlan`s, one for each address and port. Rules, as in Istio: HTTP of all services
shares `0.0.0.0_PORT` and is told apart by host names; TCP needs an address of its own (the service's, or that of each
pod of a headless service); on one address and port HTTP and TCP live together by looking at the first bytes. Among
TCP services that cannot be told apart the first by host name stays.
"""

from collections.abc import Iterable, Iterator

import msgspec

from lateen.engine import Database, query
from lateen.mesh.endpoints import addresses
from lateen.mesh.hosts import is_cidr, is_ip
from lateen.mesh.protocols import Protocol
from lateen.mesh.services import UNSPECIFIED, Port, Resolution, Service, service_named
from lateen.mesh.views import OutboundView
from lateen.mesh.visibility_scope import scope_hosts

# The proxy's own ports: a listener of a service must not take their place.
RESERVED = frozenset({15000, 15001, 15004, 15006, 15008, 15020, 15021, 15053, 15090})


class TcpTarget(msgspec.Struct, frozen=True, order=True, cache_hash=True, gc=False):
    """One service port reached as bytes; `cidrs` tell it apart on a shared address."""

    host: str
    port: int
    cidrs: tuple[str, ...] = ()


class ListenerPlan(msgspec.Struct, frozen=True, order=True, cache_hash=True, gc=False):
    """One listener. `rds`: the route table of its HTTP part, "" for none; `sniffed`: HTTP there is detected, not
    declared.
    """

    bind: str
    port: int
    rds: str = ""
    sniffed: bool = False
    tcp: tuple[TcpTarget, ...] = ()

    @property
    def name(self) -> str:
        """Istio's name of the listener."""
        return f"{self.bind}_{self.port}"


def _endpoint_binds(db: Database, service: Service, port: Port) -> tuple[str, ...]:
    found = tuple(address for address in addresses(db, service.key, port.number) if is_ip(address))
    if found or service.registry == "Kubernetes" or service.selector:
        return found
    return (UNSPECIFIED,)


def _binds(db: Database, service: Service, port: Port) -> tuple[str, ...]:
    """Where bytes for the service arrive: its addresses, those of its pods, or anywhere."""
    if service.addresses:
        return service.addresses
    if service.resolution is Resolution.PASSTHROUGH:
        return _endpoint_binds(db, service, port)
    return (UNSPECIFIED,)


def _tcp_plan(bind: str, service: Service, port: Port) -> ListenerPlan:
    if is_cidr(bind):
        return ListenerPlan(UNSPECIFIED, port.number, tcp=(TcpTarget(service.hostname, port.number, (bind,)),))
    return ListenerPlan(bind, port.number, tcp=(TcpTarget(service.hostname, port.number),))


def _sniffed_plan(bind: str, service: Service, port: Port) -> ListenerPlan:
    plan = _tcp_plan(bind, service, port)
    name = str(port.number) if plan.bind == UNSPECIFIED else f"{service.hostname}:{port.number}"
    return msgspec.structs.replace(plan, rds=name, sniffed=True)


@query
def service_plans(db: Database, view: OutboundView, host: str) -> tuple[ListenerPlan, ...]:
    """What one service asks for, before it meets the others."""
    service = service_named(db, view.namespace, host)
    if service is None or service.resolution in (Resolution.ALIAS, Resolution.DYNAMIC_DNS):
        return ()
    plans = []
    for port in service.ports:
        if port.protocol.is_http:
            plans.append(ListenerPlan(UNSPECIFIED, port.number, rds=str(port.number)))
        elif port.protocol is not Protocol.UDP:
            make = _sniffed_plan if port.protocol.is_sniffed else _tcp_plan
            plans += [make(bind, service, port) for bind in _binds(db, service, port)]
    return tuple(plan for plan in plans if plan.port not in RESERVED)


def _distinct(targets: Iterable[TcpTarget]) -> tuple[TcpTarget, ...]:
    """The first of those that match the same connections; hosts with the same address range cannot be told apart."""
    kept: dict[tuple[str, ...], TcpTarget] = {}
    for target in sorted(targets):
        kept.setdefault(target.cidrs, target)
    return tuple(sorted(kept.values()))


def _meet(plans: Iterable[ListenerPlan]) -> Iterator[ListenerPlan]:
    grouped: dict[tuple[str, int], list[ListenerPlan]] = {}
    for plan in plans:
        grouped.setdefault((plan.bind, plan.port), []).append(plan)
    for (bind, port), group in sorted(grouped.items()):
        targets = [target for plan in group for target in plan.tcp]
        with_http = sorted((plan for plan in group if plan.rds), key=lambda plan: (plan.sniffed, plan.rds))
        rds = with_http[0].rds if with_http else ""
        sniffed = any(plan.sniffed for plan in with_http)
        yield ListenerPlan(bind, port, rds, sniffed, targets_of(bind, targets))


def targets_of(bind: str, targets: list[TcpTarget]) -> tuple[TcpTarget, ...]:
    """The TCP targets of a listener: on the wildcard address several may share it (by address range or server name)."""
    return tuple(sorted(set(targets))) if bind == UNSPECIFIED else _distinct(targets)


@query
def listener_plans(db: Database, view: OutboundView) -> tuple[ListenerPlan, ...]:
    """All outbound listeners of a view, sorted by address and port."""
    return tuple(_meet(plan for host in scope_hosts(db, view) for plan in service_plans(db, view, host)))
