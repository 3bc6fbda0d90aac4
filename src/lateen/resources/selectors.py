"""How Istio's resources say which workloads and which ports they are about; shared by all of its groups.

In and out: plain values of other files' structs. Rule: what a selector matches is decided in `mesh`, never here.
"""

from typing import Literal

from lateen.resources.structs import IstioStruct

WorkloadMode = Literal["UNDEFINED", "CLIENT", "SERVER", "CLIENT_AND_SERVER"]


class WorkloadSelector(IstioStruct):
    """Pods by labels, all of which must be equal.

    https://istio.io/latest/docs/reference/config/type/workload-selector/.
    """

    match_labels: dict[str, str] = {}


class LabelSelector(IstioStruct):
    """Pods by labels, in the older spelling of Sidecar, ServiceEntry and EnvoyFilter.

    https://istio.io/latest/docs/reference/config/networking/sidecar/#WorkloadSelector
    """

    labels: dict[str, str] = {}


class PolicyTargetReference(IstioStruct):
    """A Gateway, GatewayClass, Service or ServiceEntry that a policy is attached to.

    https://istio.io/latest/docs/reference/config/type/workload-selector/#PolicyTargetReference
    """

    kind: str
    name: str
    group: str | None = None
    namespace: str | None = None


class PortNumber(IstioStruct):
    """A port by number. https://istio.io/latest/docs/reference/config/networking/virtual-service/#PortSelector."""

    number: int | None = None


class PortMatch(IstioStruct):
    """One entry of a list of ports.

    https://istio.io/latest/docs/reference/config/type/workload-selector/#PortSelector.
    """

    number: int


class TrafficSelector(IstioStruct):
    """Which traffic an extension sees.

    https://istio.io/latest/docs/reference/config/proxy_extensions/wasm-plugin/#WasmPlugin-TrafficSelector.
    """

    mode: WorkloadMode = "UNDEFINED"
    ports: tuple[PortMatch, ...] = ()


class ServicePort(IstioStruct):
    """A port of a Sidecar listener. https://istio.io/latest/docs/reference/config/networking/sidecar/#SidecarPort."""

    number: int | None = None
    protocol: str | None = None
    name: str | None = None
    target_port: int | None = None


class Destination(IstioStruct):
    """Where traffic goes. https://istio.io/latest/docs/reference/config/networking/virtual-service/#Destination."""

    host: str
    subset: str | None = None
    port: PortNumber | None = None
