"""Names that users, tools and the agent know: containers, annotations, labels, ports."""

from __future__ import annotations

PROXY = "istio-proxy"
INIT = "istio-init"
VALIDATION = "istio-validation"
CORE_DUMP = "enable-core-dump"

STATUS = "sidecar.istio.io/status"
OVERRIDES = "proxy.istio.io/overrides"
PROXY_CONFIG = "proxy.istio.io/config"
INJECT = "sidecar.istio.io/inject"
TEMPLATES = "inject.istio.io/templates"
INTERCEPTION_MODE = "sidecar.istio.io/interceptionMode"
STATUS_PORT = "status.sidecar.istio.io/port"
REWRITE_PROBES = "sidecar.istio.io/rewriteAppHTTPProbers"
NATIVE = "sidecar.istio.io/nativeSidecar"
MERGE_METRICS = "prometheus.istio.io/merge-metrics"
NETWORK_LABEL = "topology.istio.io/network"

INCLUDE_RANGES = "traffic.sidecar.istio.io/includeOutboundIPRanges"
EXCLUDE_RANGES = "traffic.sidecar.istio.io/excludeOutboundIPRanges"
INCLUDE_INBOUND = "traffic.sidecar.istio.io/includeInboundPorts"
EXCLUDE_INBOUND = "traffic.sidecar.istio.io/excludeInboundPorts"
INCLUDE_OUTBOUND = "traffic.sidecar.istio.io/includeOutboundPorts"
EXCLUDE_OUTBOUND = "traffic.sidecar.istio.io/excludeOutboundPorts"
KUBEVIRT_INTERFACES = "traffic.sidecar.istio.io/kubevirtInterfaces"
REROUTE_INTERFACES = "istio.io/reroute-virtual-interfaces"
EXCLUDE_INTERFACES = "traffic.sidecar.istio.io/excludeInterfaces"

IGNORED_NAMESPACES = frozenset({"kube-system", "kube-public", "kube-node-lease", "local-path-storage"})
AUTO_IMAGE = "auto"
DEFAULT_STATUS_PORT = 15020
HEALTH_PORT = 15021

# Ports of the mesh in every pod: nothing of the application may be scraped there.
RESERVED_PORTS = {
    15000: "Envoy admin",
    15001: "outbound traffic capture",
    15004: "control plane debug",
    15006: "inbound traffic capture",
    15008: "HBONE tunnel",
    15020: "agent status and merged metrics",
    15021: "Envoy health",
    15053: "DNS proxy",
    15090: "Envoy metrics, merged already",
}
