"""Sidecar: what a workload's proxy accepts, and which services it knows.

Reference: https://istio.io/latest/docs/reference/config/networking/sidecar/
In: the `spec` of the object. Out: frozen structs.
"""

from typing import Literal

from lateen.resources.destination_rule import ConnectionPoolSettings
from lateen.resources.gateway import ServerTLSSettings
from lateen.resources.selectors import Destination, LabelSelector, ServicePort
from lateen.resources.structs import IstioStruct

CaptureMode = Literal["DEFAULT", "IPTABLES", "NONE"]
OutboundMode = Literal["REGISTRY_ONLY", "ALLOW_ANY"]


class IngressListener(IstioStruct):
    """A port on which the proxy takes traffic for its workload. .../sidecar/#IstioIngressListener."""

    port: ServicePort
    bind: str | None = None
    capture_mode: CaptureMode = "DEFAULT"
    default_endpoint: str | None = None
    tls: ServerTLSSettings | None = None
    connection_pool: ConnectionPoolSettings | None = None


class EgressListener(IstioStruct):
    """Services (`namespace/host`) that the workload may reach. .../sidecar/#IstioEgressListener."""

    hosts: tuple[str, ...]
    port: ServicePort | None = None
    bind: str | None = None
    capture_mode: CaptureMode = "DEFAULT"


class OutboundTrafficPolicy(IstioStruct):
    """What happens to traffic for unknown hosts.

    .../sidecar/#OutboundTrafficPolicy. An absent mode is REGISTRY_ONLY, as in protobuf.
    """

    mode: OutboundMode = "REGISTRY_ONLY"
    egress_proxy: Destination | None = None


class SidecarSpec(IstioStruct):
    """Listeners and outbound policy of the selected workloads, or of the whole namespace. .../sidecar/#Sidecar."""

    workload_selector: LabelSelector | None = None
    ingress: tuple[IngressListener, ...] = ()
    egress: tuple[EgressListener, ...] = ()
    inbound_connection_pool: ConnectionPoolSettings | None = None
    outbound_traffic_policy: OutboundTrafficPolicy | None = None
