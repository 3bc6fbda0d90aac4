"""Which protocol a port speaks, from what its Service or ServiceEntry says.

In: appProtocol, port name, number, transport. Out: `Protocol`. Rule, as Istio documents: appProtocol first, then the
part of the name before the first dash, then well-known ports; a TCP port with none of these is `UNSUPPORTED`, which
means that the proxy looks at the bytes (sniffing).
"""

from enum import StrEnum


class Protocol(StrEnum):
    """What a port speaks. `UNSUPPORTED` is Istio's word for a port whose protocol has to be detected."""

    HTTP = "HTTP"
    HTTP_PROXY = "HTTP_PROXY"
    HTTP2 = "HTTP2"
    GRPC = "GRPC"
    GRPC_WEB = "GRPC-Web"
    HBONE = "HBONE"
    HTTPS = "HTTPS"
    TLS = "TLS"
    TCP = "TCP"
    UDP = "UDP"
    MONGO = "Mongo"
    MYSQL = "MySQL"
    REDIS = "Redis"
    UNSUPPORTED = "UNKNOWN"

    @property
    def is_http(self) -> bool:
        """HTTP that the proxy parses (not HTTPS, which it cannot read)."""
        return self in {Protocol.HTTP, Protocol.HTTP_PROXY, Protocol.HTTP2, Protocol.GRPC, Protocol.GRPC_WEB}

    @property
    def is_http2(self) -> bool:
        """HTTP/2, also under gRPC."""
        return self in {Protocol.HTTP2, Protocol.GRPC, Protocol.GRPC_WEB}

    @property
    def is_tls(self) -> bool:
        """TLS made by the application, which the proxy passes on."""
        return self in {Protocol.HTTPS, Protocol.TLS}

    @property
    def is_tcp(self) -> bool:
        """Declared as bytes: no sniffing, no HTTP."""
        return self in {Protocol.TCP, Protocol.HTTPS, Protocol.TLS, Protocol.MONGO, Protocol.MYSQL, Protocol.REDIS}

    @property
    def is_sniffed(self) -> bool:
        """The proxy detects the protocol."""
        return self is Protocol.UNSUPPORTED


_BY_NAME = {
    "http": Protocol.HTTP,
    "http_proxy": Protocol.HTTP_PROXY,
    "http2": Protocol.HTTP2,
    "grpc": Protocol.GRPC,
    "grpc-web": Protocol.GRPC_WEB,
    "hbone": Protocol.HBONE,
    "https": Protocol.HTTPS,
    "tls": Protocol.TLS,
    "tcp": Protocol.TCP,
    "udp": Protocol.UDP,
    "mongo": Protocol.MONGO,
    "mysql": Protocol.MYSQL,
    "redis": Protocol.REDIS,
}

# Kubernetes' own appProtocol values.
_APP_PROTOCOLS = {
    "kubernetes.io/h2c": Protocol.HTTP2,
    "kubernetes.io/ws": Protocol.HTTP,
    "kubernetes.io/wss": Protocol.HTTPS,
}

# Server-first protocols on their usual ports, and SMTP and DNS: sniffing would wait for bytes that never come.
_WELL_KNOWN_TCP = frozenset({25, 53, 3306, 27017})


def parse_protocol(text: str) -> Protocol:
    """The protocol of a word such as `HTTP2` or `grpc-web`; unknown words are `UNSUPPORTED`."""
    return _BY_NAME.get(text.lower(), Protocol.UNSUPPORTED)


def protocol_of(
    port_name: str | None, app_protocol: str | None, port_number: int, transport: str | None = "TCP"
) -> Protocol:
    """The protocol of a Service's port."""
    if transport == "UDP":
        return Protocol.UDP
    name = (app_protocol or port_name or "").lower()
    if app_protocol and name in _APP_PROTOCOLS:
        return _APP_PROTOCOLS[name]
    if name.startswith("grpc-web"):
        return Protocol.GRPC_WEB
    named = parse_protocol(name.split("-")[0])
    return Protocol.TCP if named.is_sniffed and port_number in _WELL_KNOWN_TCP else named
