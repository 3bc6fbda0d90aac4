"""Outbound listeners (LDS): where a workload's own calls arrive.

In: a proxy's outbound view and the plan of its listeners. Out: encoded listeners: `virtualOutbound` on 15001, which
everything is redirected to, and one for each address and port of the plan, which are only looked up by the original
destination. Rule: the unit of memory is one listener of one view; a proxy's own address is the only thing that is
looked at for a single proxy.
"""

from typing import Any as Message

from envoy.config.core.v3 import base_pb2
from envoy.config.listener.v3 import listener_components_pb2, listener_pb2
from envoy.extensions.filters.listener.http_inspector.v3 import http_inspector_pb2
from envoy.extensions.filters.listener.tls_inspector.v3 import tls_inspector_pb2

from lateen.engine import Database, query
from lateen.mesh.meshconfig import mesh_config
from lateen.mesh.node import ProxyNode
from lateen.mesh.views import OutboundView, outbound_view
from lateen.mesh.visibility_scope import unknown_hosts
from lateen.xds.access_log import listener_access_logs
from lateen.xds.any import pack
from lateen.xds.encode import Encoded, encode
from lateen.xds.hcm import network_filter
from lateen.xds.hcm_options import HcmOptions
from lateen.xds.outbound_chains import Chain, chain_match, target_chains, tcp_proxy
from lateen.xds.outbound_plan import ListenerPlan, listener_plans
from lateen.xds.values import boolean, duration, seconds, socket_address, uint32

VIRTUAL_OUTBOUND = "virtualOutbound"
HTTP_PROTOCOLS = ("http/1.0", "http/1.1", "h2c")

_FilterChain = listener_components_pb2.FilterChain


def http_inspector() -> Message:
    """Looks whether a connection starts like HTTP."""
    config = pack(http_inspector_pb2.HttpInspector())
    return listener_components_pb2.ListenerFilter(name="envoy.filters.listener.http_inspector", typed_config=config)


def tls_inspector() -> Message:
    """Looks whether a connection starts like TLS, and for which server name."""
    config = pack(tls_inspector_pb2.TlsInspector())
    return listener_components_pb2.ListenerFilter(name="envoy.filters.listener.tls_inspector", typed_config=config)


def _undeclared(db: Database, view: OutboundView) -> str:
    return "PassthroughCluster" if unknown_hosts(db, view) == "ALLOW_ANY" else "BlackHoleCluster"


@query
def virtual_outbound(db: Database, view: OutboundView) -> Encoded:
    """The listener that all of a workload's connections are redirected to; it hands them on by their original
    destination.
    """
    port = mesh_config(db).proxy_listen_port
    out = listener_pb2.Listener(
        name=VIRTUAL_OUTBOUND,
        address=socket_address("::" if view.ipv6 else "0.0.0.0", port),
        use_original_dst=boolean(True),
        traffic_direction=base_pb2.OUTBOUND,
        access_log=listener_access_logs(db),
    )
    if view.interception == "TPROXY":
        out.transparent.value = True
    # Whoever connects to the port itself would otherwise be sent round in a circle.
    blocked = listener_components_pb2.FilterChainMatch(destination_port=uint32(port))
    black_hole = tcp_proxy(db, view, (("BlackHoleCluster", 1),))
    out.filter_chains.append(
        _FilterChain(name=f"{VIRTUAL_OUTBOUND}-blackhole", filter_chain_match=blocked, filters=[black_hole])
    )
    rest = tcp_proxy(db, view, ((_undeclared(db, view), 1),))
    out.filter_chains.append(_FilterChain(name=f"{VIRTUAL_OUTBOUND}-catchall-tcp", filters=[rest]))
    return encode(VIRTUAL_OUTBOUND, out)


def _http_chain(db: Database, plan: ListenerPlan) -> Message:
    options = HcmOptions(direction="outbound", stat_prefix=f"outbound_{plan.name};", rds=plan.rds, sniffed=plan.sniffed)
    match = listener_components_pb2.FilterChainMatch(
        application_protocols=HTTP_PROTOCOLS, transport_protocol="raw_buffer"
    )
    return _FilterChain(filter_chain_match=match, filters=[network_filter(db, options)])


def _chains(db: Database, view: OutboundView, plan: ListenerPlan) -> tuple[Chain, ...]:
    """All TCP chains of a listener. Of those that match the same the first stays: Envoy refuses two."""
    kept: dict[tuple[tuple[str, ...], tuple[str, ...]], Chain] = {}
    for target in plan.tcp:
        for chain in target_chains(db, view, target, plan.bind):
            kept.setdefault((chain.snis, chain.cidrs), chain)
    return tuple(kept.values())


def _add_chains(db: Database, view: OutboundView, out: Message, chains: tuple[Chain, ...]) -> None:
    for chain in chains:
        match = chain_match(chain)
        made = _FilterChain(filter_chain_match=match, filters=[tcp_proxy(db, view, chain.clusters)])
        if match is None:
            out.default_filter_chain.CopyFrom(made)
        else:
            out.filter_chains.append(made)


def _settle_default(db: Database, view: OutboundView, out: Message) -> None:
    """One chain that takes everything needs no default; without such a chain the rest goes where unknown hosts go."""
    if out.HasField("default_filter_chain"):
        if not out.filter_chains:
            out.filter_chains.append(out.default_filter_chain)
            out.ClearField("default_filter_chain")
        return
    rest = tcp_proxy(db, view, ((_undeclared(db, view), 1),))
    out.default_filter_chain.CopyFrom(_FilterChain(name="PassthroughFilterChain", filters=[rest]))


@query
def outbound_listener(db: Database, view: OutboundView, plan: ListenerPlan) -> Encoded:
    """One listener of the plan."""
    out = listener_pb2.Listener(
        name=plan.name,
        address=socket_address(plan.bind, plan.port),
        traffic_direction=base_pb2.OUTBOUND,
        bind_to_port=boolean(False),
        continue_on_listener_filters_timeout=True,
        listener_filters_timeout=seconds(0),
        access_log=listener_access_logs(db),
    )
    chains = _chains(db, view, plan)
    if any(chain.snis for chain in chains):
        out.listener_filters.append(tls_inspector())
    if plan.rds:
        out.listener_filters.append(http_inspector())
        out.listener_filters_timeout.CopyFrom(duration(mesh_config(db).protocol_detection_timeout or "0s"))
        out.filter_chains.append(_http_chain(db, plan))
    _add_chains(db, view, out, chains)
    _settle_default(db, view, out)
    return encode(plan.name, out)


@query
def view_listeners(db: Database, view: OutboundView) -> tuple[Encoded, ...]:
    """The outbound listeners of a view, sorted by address and port, `virtualOutbound` last."""
    return (*(outbound_listener(db, view, plan) for plan in listener_plans(db, view)), virtual_outbound(db, view))


@query
def outbound_listeners(db: Database, node: ProxyNode) -> tuple[Encoded, ...]:
    """The outbound listeners of a sidecar. Calls of a pod to its own address never reach an outbound listener."""
    view = outbound_view(db, node)
    own = {plan.name for plan in listener_plans(db, view) if plan.bind in node.ip_addresses}
    made = view_listeners(db, view)
    return tuple(listener for listener in made if listener.name not in own) if own else made
