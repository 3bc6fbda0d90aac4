"""Configuration of the Envoy in front of the control plane: it ends TLS on 15012 and passes streams on over a socket.

In: a directory and certificates. Out: files: Envoy's bootstrap and its secrets, as JSON-able dictionaries.
Rules: a client certificate is optional (a first certificate is asked for with a token) but must be the mesh's if there
is one; `x-forwarded-client-cert` is replaced, whatever the client sent; certificates are watched files, so renewing
them restarts nothing. No admin port.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

PORT = 15012
SOCKET = "xds.sock"
BOOTSTRAP = "front.json"
CERTIFICATE = "front-certificate.json"
ROOTS = "front-roots.json"
MAX_CONNECTIONS = 20000
FILTERS = "type.googleapis.com/envoy.extensions.filters"


@dataclass(frozen=True, slots=True)
class Certificate:
    """PEM: our chain without the root, its key, and the roots that clients' certificates must lead to."""

    chain: str
    key: str
    roots: str


HTTP2 = {
    "max_concurrent_streams": 1000,
    "initial_stream_window_size": 1048576,
    "initial_connection_window_size": 4194304,
    "connection_keepalive": {"interval": "30s", "timeout": "10s"},
}


def files(directory: str, certificate: Certificate) -> dict[str, dict[str, Any]]:
    """Content by file name, in the order of writing: Envoy waits for the last. One secret a file, as Envoy wants it."""
    chain, key = {"inline_string": certificate.chain}, {"inline_string": certificate.key}
    return {
        CERTIFICATE: _secret("front", tls_certificate={"certificate_chain": chain, "private_key": key}),
        ROOTS: _secret("roots", validation_context={"trusted_ca": {"inline_string": certificate.roots}}),
        BOOTSTRAP: bootstrap(directory),
    }


def bootstrap(directory: str) -> dict[str, Any]:
    """Envoy's own configuration; `directory` holds the socket of the gRPC server and the other files."""
    return {
        "node": {"id": "front", "cluster": "istiod"},
        "static_resources": {"listeners": [_listener(directory)], "clusters": [_cluster(f"{directory}/{SOCKET}")]},
        "overload_manager": {"resource_monitors": [_connections()]},
    }


def _connections() -> dict[str, Any]:
    kind = (
        "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"
    )
    config = {"@type": kind, "max_active_downstream_connections": MAX_CONNECTIONS}
    return {"name": "envoy.resource_monitors.global_downstream_max_connections", "typed_config": config}


def _secret(name: str, **content: Any) -> dict[str, Any]:
    kind = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"
    return {"resources": [{"@type": kind, "name": name, **content}]}


def _sds(name: str, path: str) -> dict[str, Any]:
    return {"name": name, "sds_config": {"path_config_source": {"path": path}, "resource_api_version": "V3"}}


def _listener(directory: str) -> dict[str, Any]:
    tls = {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        "require_client_certificate": False,
        "common_tls_context": {
            "alpn_protocols": ["h2"],
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
            "tls_certificate_sds_secret_configs": [_sds("front", f"{directory}/{CERTIFICATE}")],
            "validation_context_sds_secret_config": _sds("roots", f"{directory}/{ROOTS}"),
        },
    }
    chain = {"filters": [_http()], "transport_socket": {"name": "tls", "typed_config": tls}}
    return {
        "name": "xds",
        "address": {"socket_address": {"address": "0.0.0.0", "port_value": PORT}},
        "per_connection_buffer_limit_bytes": 1048576,
        "filter_chains": [chain],
    }


def _http() -> dict[str, Any]:
    route = {
        "match": {"prefix": "/"},
        "route": {"cluster": "control-plane", "timeout": "0s", "idle_timeout": "0s", "max_stream_duration": {}},
    }
    router = {"@type": f"{FILTERS}.http.router.v3.Router"}
    config = {
        "@type": f"{FILTERS}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "xds",
        "codec_type": "HTTP2",
        "http2_protocol_options": HTTP2,
        "stream_idle_timeout": "0s",
        "request_timeout": "0s",
        "request_headers_timeout": "10s",
        "max_request_headers_kb": 64,
        "forward_client_cert_details": "SANITIZE_SET",
        "set_current_client_cert_details": {"uri": True},
        "use_remote_address": True,
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": router}],
        "route_config": {
            "name": "xds",
            "virtual_hosts": [{"name": "xds", "domains": ["*"], "routes": [route]}],
        },
    }
    return {"name": "envoy.filters.network.http_connection_manager", "typed_config": config}


def _cluster(socket: str) -> dict[str, Any]:
    options = {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {**HTTP2, "max_concurrent_streams": 5000}},
    }
    endpoint = {"endpoint": {"address": {"pipe": {"path": socket}}}}
    many = 100000
    return {
        "name": "control-plane",
        "type": "STATIC",
        "connect_timeout": "5s",
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options},
        "circuit_breakers": {"thresholds": [{"max_requests": many, "max_pending_requests": many, "max_retries": many}]},
        "load_assignment": {"cluster_name": "control-plane", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
