"""The fields that are read and have no effect yet: one row each, with what happens instead.

Rule: `path` is written as users write it, `[]` after a list or map; "" is the whole object. Whoever makes a field
work removes its row.
"""

from typing import Final, NamedTuple


class Row(NamedTuple):
    """One field of one kind; with `only`, just that value of the field."""

    kind: str
    path: str
    effect: str
    only: str = ""


_NO_EXTENSION: Final = "nothing is added to the proxies"
_NO_LOCALITY: Final = "all localities are used alike"
_LIKE_ALLOW_ANY: Final = "unknown hosts are dialled at the address that the caller wanted, as with ALLOW_ANY"


def _traffic_policy(prefix: str) -> tuple[Row, ...]:
    """Rows for a TrafficPolicy at `prefix`, in a host's policy or a subset's."""
    kind = "DestinationRule"
    balanced = (prefix, f"{prefix}.portLevelSettings[]")
    return (
        *(Row(kind, f"{place}.loadBalancer.localityLbSetting", _NO_LOCALITY) for place in balanced),
        *(Row(kind, f"{place}.loadBalancer.zoneAwareLbSetting", _NO_LOCALITY) for place in balanced),
        *(
            Row(kind, f"{place}.outlierDetection.outlierDetectionHttpErrorCodes", "only 5xx count")
            for place in balanced
        ),
        *(Row(kind, f"{place}.outlierDetection.consecutiveErrors", "use consecutive5xxErrors") for place in balanced),
        *(Row(kind, f"{place}.tls.caCrl", "no revocation list is checked") for place in balanced),
        Row(kind, f"{prefix}.retryBudget.budgetInterval", "only requests in flight count"),
        Row(kind, f"{prefix}.tunnel", "connections are made directly"),
        Row(kind, f"{prefix}.proxyProtocol", "no PROXY header is sent"),
    )


ROWS: Final[tuple[Row, ...]] = (
    Row("VirtualService", "http[].fault.delay.exponentialDelay", "no delay is injected; use fixedDelay"),
    Row("VirtualService", "http[].fault.abort.http2Error", "no abort is injected; use httpStatus or grpcStatus"),
    Row("VirtualService", "tcp[].match[].sourceSubnet", "connections from everywhere match"),
    *_traffic_policy("trafficPolicy"),
    *_traffic_policy("subsets[].trafficPolicy"),
    Row("ServiceEntry", "resolution", "its hosts are treated as unknown ones", only="DYNAMIC_DNS"),
    Row("ServiceEntry", "endpoints[].network", "the address is dialled directly"),
    Row("WorkloadEntry", "network", "the address is dialled directly"),
    Row("Sidecar", "ingress", "inbound listeners are made from the services that select the workload"),
    Row("Sidecar", "inboundConnectionPool", "inbound connections are not limited"),
    Row("Sidecar", "egress[].port", "the hosts of all egress listeners are in scope on all ports"),
    Row("Sidecar", "egress[].bind", "no listener of its own is opened"),
    Row("Sidecar", "egress[].captureMode", "traffic is redirected as everywhere"),
    Row("Sidecar", "outboundTrafficPolicy.mode", _LIKE_ALLOW_ANY, only="ALLOW_ANY_DYNAMIC_DNS"),
    Row("Sidecar", "outboundTrafficPolicy.egressProxy", "unknown hosts are dialled directly"),
    Row("EnvoyFilter", "", _NO_EXTENSION),
    Row("WasmPlugin", "", _NO_EXTENSION),
    Row("TrafficExtension", "", _NO_EXTENSION),
    Row("WorkloadGroup", "", "no WorkloadEntry is made from it"),
    Row("ProxyConfig", "", "proxies start with the mesh's defaults"),
    Row("Telemetry", "", "access logs follow the mesh config, metrics and traces have their defaults"),
    *(
        Row(kind, field, "there is no Gateway API yet: only pods with its gateway-name label are picked; use selector")
        for kind in ("AuthorizationPolicy", "RequestAuthentication")
        for field in ("targetRef", "targetRefs")
    ),
    Row("Gateway", "servers[].tls.caCrl", "no revocation list is checked; put it into the secret as ca.crl"),
    Row("Gateway", "servers[].defaultEndpoint", "requests go where VirtualServices say"),
    Row("Gateway", "servers[].port.targetPort", "the service in front of the gateway says the target port"),
)

_NO_INGRESS: Final = "no Ingress is served"
_ROUTE_CACHE: Final = "the route is not chosen again after the check"
_START: Final = (
    ("availabilityZone", "the locality comes from the node's labels"),
    ("binaryPath", "the image catalogue says which Envoy runs"),
    ("configPath", "the bootstrap is written where the image says"),
    ("controlPlaneAuthPolicy", "the control plane is always reached by mutual TLS"),
    ("customConfigFile", "the bootstrap is made from the other settings"),
    ("proxyBootstrapTemplatePath", "the bootstrap is made from the other settings"),
    ("discoveryRefreshDelay", "changes are pushed, never polled for"),
    ("serviceCluster", "the cluster name comes from the pod's labels"),
    ("tracingServiceName", "the cluster name comes from the pod's labels"),
    ("statsdUdpAddress", "statistics are served on port 15090 only"),
    ("envoyMetricsServiceAddress", "statistics are served on port 15090 only"),
    ("envoyMetricsService", "statistics are served on port 15090 only"),
    ("envoyAccessLogService", "no access log service is called"),
    ("statNameLength", "names of statistics are not cut"),
    ("extraStatTags", "metrics have the standard tags only"),
    ("statsCompression", "statistics are sent as they are"),
    ("meshId", "the mesh's identifier is its trust domain"),
    ("readinessProbe", "probes are those of the pod"),
    ("caCertificatesPem", "only the mesh's own root is trusted"),
    ("privateKeyProvider", "Envoy itself computes with private keys"),
    ("sds", "secrets always come from the pod's agent"),
    ("fileFlushInterval", "logs are flushed as Envoy does by default"),
    ("fileFlushMinSizeKb", "logs are flushed as Envoy does by default"),
    ("connectionSettings", "listeners have Envoy's own limits"),
)
"""Settings with which proxies are to be started."""

MESH_CONFIG_ROWS: Final[tuple[Row, ...]] = (
    Row("MeshConfig", "proxyHttpPort", "no HTTP proxy listener is opened"),
    Row("MeshConfig", "outboundTrafficPolicy.mode", _LIKE_ALLOW_ANY, only="ALLOW_ANY_DYNAMIC_DNS"),
    Row("MeshConfig", "outboundTrafficPolicy.tls", "unknown hosts are dialled without TLS of the proxy's"),
    Row("MeshConfig", "localityLbSetting.distribute", _NO_LOCALITY),
    Row("MeshConfig", "localityLbSetting.failover", _NO_LOCALITY),
    Row("MeshConfig", "localityLbSetting.failoverPriority", _NO_LOCALITY),
    Row("MeshConfig", "zoneAwareLbSetting", _NO_LOCALITY),
    Row("MeshConfig", "outboundClusterStatName", "clusters keep their own names in statistics"),
    Row("MeshConfig", "serviceSettings", "all services are reachable alike"),
    Row("MeshConfig", "serviceScopeConfigs", "all services are reachable alike"),
    Row("MeshConfig", "discoverySelectors", "all namespaces are watched"),
    Row("MeshConfig", "tlsDefaults", "Envoy's own ciphers and curves are used"),
    Row("MeshConfig", "defaultTrafficPolicy", "only DestinationRules set traffic policies"),
    Row("MeshConfig", "caCertificates", "only the mesh's own root is trusted"),
    Row("MeshConfig", "ca", "certificates come from the mesh's own authority"),
    Row("MeshConfig", "certificates", "no certificates are made for control plane services"),
    Row("MeshConfig", "configSources", "only the API server is read"),
    Row("MeshConfig", "inboundClusterStatName", "inbound clusters keep their own names in statistics"),
    Row("MeshConfig", "inboundTrafficPolicy.mode", "the workload is dialled at the address that the caller wanted"),
    Row("MeshConfig", "enableEnvoyAccessLogService", "no access log service is called"),
    Row("MeshConfig", "defaultConfig.proxyHeaders", "headers are as by default"),
    Row("MeshConfig", "defaultConfig.gatewayTopology", "gateways trust nobody's X-Forwarded-For"),
    Row("MeshConfig", "defaultConfig.tracing", "no traces are sent"),
    Row("MeshConfig", "defaultConfig.zipkinAddress", "no traces are sent"),
    Row("MeshConfig", "enableTracing", "no traces are sent"),
    Row("MeshConfig", "defaultProviders.tracing", "no traces are sent"),
    Row("MeshConfig", "defaultProviders.metrics", "metrics have their defaults"),
    Row("MeshConfig", "defaultProviders.accessLogging", "access logs follow accessLogFile"),
    Row("MeshConfig", "verifyCertificateAtClient", "certificates are checked as DestinationRules say"),
    Row("MeshConfig", "serviceEntryVisibility", "ServiceEntries are seen as their exportTo says"),
    Row("MeshConfig", "hboneIdleTimeout", "there is no HBONE yet"),
    Row("MeshConfig", "ingressClass", _NO_INGRESS),
    Row("MeshConfig", "ingressService", _NO_INGRESS),
    Row("MeshConfig", "ingressSelector", _NO_INGRESS),
    Row("MeshConfig", "ingressControllerMode", _NO_INGRESS),
    Row("MeshConfig", "extensionProviders[].envoyExtAuthzHttp.clearRouteCache", _ROUTE_CACHE),
    Row("MeshConfig", "extensionProviders[].envoyExtAuthzGrpc.clearRouteCache", _ROUTE_CACHE),
    *(Row("MeshConfig", f"defaultConfig.{name}", effect) for name, effect in _START),
)


__all__ = ["MESH_CONFIG_ROWS", "ROWS", "Row"]
