"""Inspectors look only where a chain tells something apart."""

from typing import Any

from envoy.config.listener.v3.listener_components_pb2 import FilterChain, FilterChainMatch
from google.protobuf.json_format import MessageToDict

from lateen.xds.inspectors import inspectors
from lateen.xds.values import uint32


def chain(port: int, transport: str = "", *alpn: str) -> FilterChain:
    match = FilterChainMatch(transport_protocol=transport, application_protocols=alpn)
    if port:
        match.destination_port.CopyFrom(uint32(port))
    return FilterChain(filter_chain_match=match)


def disabled(*chains: FilterChain) -> dict[str, Any]:
    """Where each inspector is switched off."""
    return {
        one.name.rpartition(".")[2]: MessageToDict(one.filter_disabled) if one.HasField("filter_disabled") else None
        for one in inspectors(chains)
    }


def port(number: int) -> dict[str, Any]:
    return {"destinationPortRange": {"start": number, "end": number + 1}}


def test_nothing_to_tell_apart_nothing_to_look_at() -> None:
    assert disabled(chain(80, "raw_buffer"), chain(0)) == {}


def test_on_all_ports_alike() -> None:
    assert disabled(chain(0, "tls"), chain(80, "tls")) == {"tls_inspector": None}


def test_on_other_ports_but_not_on_some() -> None:
    assert disabled(chain(0, "tls"), chain(80, "raw_buffer")) == {"tls_inspector": port(80)}
    assert disabled(chain(0, "tls"), chain(80), chain(81)) == {
        "tls_inspector": {"orMatch": {"rules": [port(80), port(81)]}}
    }


def test_on_some_ports_only() -> None:
    assert disabled(chain(0), chain(80, "tls")) == {"tls_inspector": {"notMatch": port(80)}}


def test_http_is_looked_for_only_where_plaintext_is_sniffed() -> None:
    found = disabled(chain(0, "raw_buffer", "http/1.1", "h2c"), chain(80, "raw_buffer"))

    assert found == {"http_inspector": port(80)}
    assert "http_inspector" not in disabled(chain(0, "tls", "istio-h2"))
