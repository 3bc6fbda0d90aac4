"""Listener filters that look at the first bytes of a connection, only on the ports whose chains need it.

In: finished filter chains. Out: original_dst and, where needed, the TLS and HTTP inspectors. Rule: a port whose
chains tell nothing apart is not looked at, because waiting for the first bytes would stall protocols in which the
server speaks first.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from envoy.config.listener.v3.listener_components_pb2 import (
    FilterChain,
    ListenerFilter,
    ListenerFilterChainMatchPredicate,
)
from envoy.extensions.filters.listener.http_inspector.v3.http_inspector_pb2 import HttpInspector
from envoy.extensions.filters.listener.original_dst.v3.original_dst_pb2 import OriginalDst
from envoy.extensions.filters.listener.tls_inspector.v3.tls_inspector_pb2 import TlsInspector
from envoy.type.v3.range_pb2 import Int32Range
from google.protobuf.wrappers_pb2 import UInt32Value

from lateen.xds.any import pack
from lateen.xds.inbound_chains import PLAIN_HTTP, TLS

_EVERY_OTHER_PORT: Final = 0
_FIRST_READ: Final = 512


@dataclass(slots=True)
class _Needs:
    tls: bool = False
    http: bool = False


def original_dst() -> ListenerFilter:
    """Restores the address to which a redirected connection was sent."""
    return ListenerFilter(name="envoy.filters.listener.original_dst", typed_config=pack(OriginalDst()))


def tls_inspector() -> ListenerFilter:
    """Finds out whether a connection starts with TLS, for which server and which protocols."""
    settings = TlsInspector(initial_read_buffer_size=UInt32Value(value=_FIRST_READ))
    return ListenerFilter(name="envoy.filters.listener.tls_inspector", typed_config=pack(settings))


def http_inspector() -> ListenerFilter:
    """Finds out whether a connection without TLS starts with HTTP."""
    return ListenerFilter(name="envoy.filters.listener.http_inspector", typed_config=pack(HttpInspector()))


def inspectors(chains: Iterable[FilterChain]) -> list[ListenerFilter]:
    """The inspectors that the chains of one listener need; TLS before HTTP, which leaves TLS alone."""
    needs: dict[int, _Needs] = defaultdict(_Needs)
    for chain in chains:
        port = needs[chain.filter_chain_match.destination_port.value]
        port.tls |= chain.filter_chain_match.transport_protocol == TLS
        port.http |= bool(set(chain.filter_chain_match.application_protocols) & set(PLAIN_HTTP))
    found = []
    if any(port.tls for port in needs.values()):
        found.append(_limited(tls_inspector(), {number: port.tls for number, port in needs.items()}))
    if any(port.http for port in needs.values()):
        found.append(_limited(http_inspector(), {number: port.http for number, port in needs.items()}))
    return found


def _limited(inspector: ListenerFilter, wanted: Mapping[int, bool]) -> ListenerFilter:
    """Switch the inspector off on ports that do not want it; entry 0 stands for ports that no chain names."""
    elsewhere = wanted.get(_EVERY_OTHER_PORT, False)
    exceptions = sorted(number for number, on in wanted.items() if number != _EVERY_OTHER_PORT and on != elsewhere)
    if elsewhere:
        if exceptions:
            inspector.filter_disabled.CopyFrom(_ports(exceptions))
        return inspector
    inspector.filter_disabled.CopyFrom(ListenerFilterChainMatchPredicate(not_match=_ports(exceptions)))
    return inspector


def _ports(numbers: list[int]) -> ListenerFilterChainMatchPredicate:
    Predicate = ListenerFilterChainMatchPredicate  # noqa: N806 - a class
    found = [Predicate(destination_port_range=Int32Range(start=number, end=number + 1)) for number in numbers]
    return found[0] if len(found) == 1 else Predicate(or_match=Predicate.MatchSet(rules=found))
