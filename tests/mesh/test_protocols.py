"""What a port speaks."""

import pytest

from lateen.mesh.protocols import Protocol, parse_protocol, protocol_of


@pytest.mark.parametrize(
    ("name", "app_protocol", "port", "protocol"),
    [
        ("http", None, 80, Protocol.HTTP),
        ("http-web", None, 80, Protocol.HTTP),
        ("http2", None, 80, Protocol.HTTP2),
        ("grpc-web-x", None, 80, Protocol.GRPC_WEB),
        ("GRPC", None, 80, Protocol.GRPC),
        ("tcp-http", None, 80, Protocol.TCP),
        ("web", None, 80, Protocol.UNSUPPORTED),
        (None, None, 80, Protocol.UNSUPPORTED),
        (None, None, 3306, Protocol.TCP),
        ("dns-tcp", None, 53, Protocol.TCP),
        ("tcp", "http", 80, Protocol.HTTP),
        ("tcp", "kubernetes.io/h2c", 80, Protocol.HTTP2),
        ("x", "kubernetes.io/wss", 443, Protocol.HTTPS),
        ("http", "made.up/thing", 80, Protocol.UNSUPPORTED),
    ],
)
def test_app_protocol_then_name_then_well_known_ports(
    name: str | None, app_protocol: str | None, port: int, protocol: Protocol
) -> None:
    assert protocol_of(name, app_protocol, port) is protocol


def test_udp_is_udp_whatever_its_name() -> None:
    assert protocol_of("http", None, 80, "UDP") is Protocol.UDP


def test_what_the_proxy_does_with_each() -> None:
    assert [one for one in Protocol if one.is_http2] == [Protocol.HTTP2, Protocol.GRPC, Protocol.GRPC_WEB]
    assert Protocol.HTTPS.is_tls
    assert Protocol.HTTPS.is_tcp
    assert not Protocol.HTTPS.is_http
    assert Protocol.UNSUPPORTED.is_sniffed
    assert parse_protocol("MONGO") is Protocol.MONGO
