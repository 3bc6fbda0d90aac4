"""Envoy's bootstrap for a stock Envoy beside a workload or as a gateway.

In: `ProxyFacts`. Out: the bootstrap as a JSON-ready dictionary. The rule: names of clusters and listeners, ports and
metadata are Istio's (tools read them); the differences of a stock Envoy are two: it speaks to the control plane
itself (`xds-grpc` has TLS with the workload's own certificate, where Istio has a proxy in its agent), and it loads no
extension that only Istio's build has.
"""

from __future__ import annotations

from typing import Any

from lateen.agent.facts import AgentSettingsError, ProxyFacts
from lateen.agent.stats import stats_config

SDS_SOCKET = "/var/run/secrets/workload-spiffe-uds/socket"
ADMIN_PORT = 15000
STATUS_PORT = 15020
HEALTH_PORT = 15021
METRICS_PORT = 15090
WORKLOAD_SECRET = "default"  # noqa: S105 - the name of a secret, as Istio has it
ROOT_SECRET = "ROOTCA"  # noqa: S105

_TYPE = "type.googleapis.com/"
_HTTP = _TYPE + "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_HCM = _TYPE + "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_ROUTER = _TYPE + "envoy.extensions.filters.http.router.v3.Router"
# A name that cannot be resolved yet, because the mesh is just starting, is asked for again soon.
_DNS = {
    "@type": _TYPE + "envoy.extensions.clusters.dns.v3.DnsCluster",
    "dns_lookup_family": "V4_PREFERRED",
    "dns_refresh_rate": "5s",
    "dns_failure_refresh_rate": {"base_interval": "0.2s", "max_interval": "2s"},
}
_UPSTREAM_TLS = _TYPE + "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"


def bootstrap(facts: ProxyFacts) -> dict[str, Any]:
    """The whole bootstrap. Raises `AgentSettingsError` for a discovery address or port that cannot be used."""
    return {
        "application_log_config": {"log_format": _log_format(facts)},
        "node": _node(facts),
        "layered_runtime": _runtime(facts),
        "bootstrap_extensions": [_internal_listeners()],
        "stats_config": stats_config(facts.annotations, facts.config),
        "admin": _admin(facts),
        "dynamic_resources": _dynamic_resources(),
        "static_resources": {"clusters": _clusters(facts), "listeners": _listeners()},
        "overload_manager": _overload_manager(),
        **_outlier_log(facts),
    }


def admin_port(facts: ProxyFacts) -> int:
    """The port of Envoy's administration on loopback."""
    return _port("proxyAdminPort", facts.config.get("proxyAdminPort") or ADMIN_PORT)


def status_port(facts: ProxyFacts) -> int:
    """The port on which the agent answers (readiness, merged metrics, probes of the application)."""
    annotation = "status.sidecar.istio.io/port"
    if facts.annotations.get(annotation):
        return _port(annotation, facts.annotations[annotation])
    return _port("statusPort", facts.config.get("statusPort") or STATUS_PORT)


def _port(what: str, value: object) -> int:
    text = str(value)
    if not (text.isascii() and text.isdigit()) or not 0 < int(text) < 65536:
        raise AgentSettingsError(f"{what} {text[:20]!r} must be a port number from 1 to 65535")
    return int(text)


def discovery_address(facts: ProxyFacts) -> tuple[str, int]:
    """Host and port of the control plane, from ProxyConfig `discoveryAddress`, else Istio's default."""
    text = str(facts.config.get("discoveryAddress") or "istiod.istio-system.svc:15012")
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise AgentSettingsError(f"discoveryAddress {text!r} must be HOST:PORT")
    return host, int(port)


def _node(facts: ProxyFacts) -> dict[str, Any]:
    node: dict[str, Any] = {
        "id": facts.node_id,
        "cluster": facts.service_cluster,
        "metadata": dict(facts.metadata),
        "locality": _locality(facts),
    }
    return node


def _locality(facts: ProxyFacts) -> dict[str, str]:
    """Region, zone and sub-zone from the pod's label `istio-locality` (`region/zone/subzone`, dots where there is no
    slash).
    """
    text = facts.labels.get("istio-locality", "")
    parts = text.split("/") if "/" in text else text.split(".")
    return {name: part for name, part in zip(("region", "zone", "sub_zone"), parts, strict=False) if part}


def _log_format(facts: ProxyFacts) -> dict[str, Any]:
    if facts.arguments.log_as_json:
        names = {"time": "%Y-%m-%dT%T.%fZ", "level": "%l", "scope": "envoy %n", "msg": "%j"}
        return {"json_format": names | {"caller": "%g:%#", "thread": "%t"}}
    return {"text_format": "%Y-%m-%dT%T.%fZ\t%l\tenvoy %n %g:%#\t%v\tthread=%t"}


def _runtime(facts: ProxyFacts) -> dict[str, Any]:
    flags: dict[str, Any] = {
        "envoy.reloadable_features.http_reject_path_with_fragment": False,
        "re2.max_program_size.error_level": 32768,
    }
    for name, value in (facts.config.get("runtimeValues") or {}).items():
        flags[name] = _runtime_value(str(value))
    return {"layers": [{"name": "global config", "static_layer": flags}, {"name": "admin", "admin_layer": {}}]}


def _runtime_value(text: str) -> object:
    if text in ("true", "false"):
        return text == "true"
    return int(text) if text.isdigit() else text


def _internal_listeners() -> dict[str, Any]:
    kind = _TYPE + "envoy.extensions.bootstrap.internal_listener.v3.InternalListener"
    return {"name": "envoy.bootstrap.internal_listener", "typed_config": {"@type": kind, "buffer_size_kb": 64}}


def _admin(facts: ProxyFacts) -> dict[str, Any]:
    kind = _TYPE + "envoy.extensions.access_loggers.file.v3.FileAccessLog"
    log = {"name": "envoy.access_loggers.file", "typed_config": {"@type": kind, "path": "/dev/null"}}
    return {
        "access_log": [log],
        "profile_path": "/var/lib/istio/data/envoy.prof",
        "address": _socket_address("127.0.0.1", admin_port(facts)),
    }


def _dynamic_resources() -> dict[str, Any]:
    ads = {"ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3"}
    return {
        "lds_config": ads,
        "cds_config": ads,
        "ads_config": {
            "api_type": "DELTA_GRPC",
            "set_node_on_first_message_only": True,
            "transport_api_version": "V3",
            "grpc_services": [_grpc("xds-grpc")],
        },
    }


def _grpc(cluster: str) -> dict[str, Any]:
    """A stream that comes back soon after its server does: Envoy's own pauses grow to 30 s."""
    back_off = {"base_interval": "0.2s", "max_interval": "5s"}
    return {"envoy_grpc": {"cluster_name": cluster, "retry_policy": {"retry_back_off": back_off}}}


def _clusters(facts: ProxyFacts) -> list[dict[str, Any]]:
    return [
        _cluster("prometheus_stats", _socket_address("127.0.0.1", admin_port(facts)), "0.250s"),
        _cluster("agent", _socket_address("127.0.0.1", status_port(facts)), "0.250s"),
        _cluster("sds-grpc", {"pipe": {"path": SDS_SOCKET}}, "1s") | _http2({}),
        _control_plane(facts),
    ]


def _cluster(name: str, address: dict[str, Any], timeout: str) -> dict[str, Any]:
    return {
        "name": name,
        # The semicolon ends the name for the tag expression `cluster_name`.
        "alt_stat_name": f"{name};",
        "type": "STATIC",
        "connect_timeout": timeout,
        "lb_policy": "ROUND_ROBIN",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    }


def _control_plane(facts: ProxyFacts) -> dict[str, Any]:
    host, port = discovery_address(facts)
    # Resolvers inside Envoy do not all honour search domains: ask for the full name.
    full = f"{host}.{facts.cluster_domain}" if host.endswith(".svc") else host
    limits = {"max_connections": 100000, "max_pending_requests": 100000, "max_requests": 100000}
    thresholds = [{"priority": "DEFAULT", **limits}, {"priority": "HIGH", **limits}]
    cluster = _cluster("xds-grpc", _socket_address(full, port), "1s")
    del cluster["type"]
    return {
        **cluster,
        "cluster_type": {"name": "envoy.clusters.dns", "typed_config": _DNS},
        "circuit_breakers": {"thresholds": thresholds},
        "upstream_connection_options": {"tcp_keepalive": {"keepalive_time": 300}},
        "transport_socket": _tls(host),
        # A control plane that vanished without a FIN must be noticed, or the proxy stays on old configuration.
        **_http2({"connection_keepalive": {"interval": "30s", "timeout": "10s"}}),
    }


def _http2(options: dict[str, Any]) -> dict[str, Any]:
    explicit = {"@type": _HTTP, "explicit_http_config": {"http2_protocol_options": options}}
    return {"typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": explicit}}


def _tls(host: str) -> dict[str, Any]:
    names = [{"san_type": "DNS", "matcher": {"exact": host}}]
    context = {
        "@type": _UPSTREAM_TLS,
        "sni": host,
        "common_tls_context": {
            "alpn_protocols": ["h2"],
            "tls_certificate_sds_secret_configs": [_secret(WORKLOAD_SECRET)],
            "combined_validation_context": {
                "default_validation_context": {"match_typed_subject_alt_names": names},
                "validation_context_sds_secret_config": _secret(ROOT_SECRET),
            },
        },
    }
    return {"name": "envoy.transport_sockets.tls", "typed_config": context}


def _secret(name: str) -> dict[str, Any]:
    source = {
        "api_type": "GRPC",
        "set_node_on_first_message_only": True,
        "transport_api_version": "V3",
        "grpc_services": [_grpc("sds-grpc")],
    }
    # Without a certificate the control plane cannot be reached: wait for it however long the authority takes.
    config = {"api_config_source": source, "initial_fetch_timeout": "0s", "resource_api_version": "V3"}
    return {"name": name, "sds_config": config}


def _listeners() -> list[dict[str, Any]]:
    return [
        _listener(METRICS_PORT, "stats", "/stats/prometheus", "prometheus_stats"),
        _listener(HEALTH_PORT, "agent", "/healthz/ready", "agent"),
    ]


def _listener(port: int, prefix: str, path: str, cluster: str) -> dict[str, Any]:
    """A listener open to everybody that forwards exactly one path: nothing else of its target can be reached."""
    route = {"match": {"path": path}, "route": {"cluster": cluster}}
    manager = {
        "@type": _HCM,
        "codec_type": "AUTO",
        "stat_prefix": prefix,
        "route_config": {"virtual_hosts": [{"name": "backend", "domains": ["*"], "routes": [route]}]},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": _ROUTER}}],
    }
    network_filter = {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}
    return {
        "name": f"0.0.0.0_{port}",
        "address": _socket_address("0.0.0.0", port),
        "ignore_global_conn_limit": True,
        "bypass_overload_manager": True,
        "filter_chains": [{"filters": [network_filter]}],
    }


def _socket_address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"protocol": "TCP", "address": host, "port_value": port}}


def _overload_manager() -> dict[str, Any]:
    kind = _TYPE + "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"
    monitor = {"@type": kind, "max_active_downstream_connections": 2147483647}
    name = "envoy.resource_monitors.global_downstream_max_connections"
    return {"resource_monitors": [{"name": name, "typed_config": monitor}]}


def _outlier_log(facts: ProxyFacts) -> dict[str, Any]:
    path = facts.arguments.flags.get("outlier_log_path")
    return {"cluster_manager": {"outlier_detection": {"event_log_path": path}}} if path else {}
