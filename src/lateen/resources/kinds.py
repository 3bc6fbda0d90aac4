"""The one table of kinds: what the watch list, the command line, the local cluster and the analysis know of a kind.

In: nothing. Out: `KINDS` and look-ups in it.
Rule: a new kind is one row here and one struct in its own file; nobody else keeps a list of kinds. Printer columns of
built-in kinds
belong to the API server, since they show state that is no field.
"""

from typing import Any

import msgspec

from lateen.resources import core, extensions, workloads
from lateen.resources.authorization_policy import AuthorizationPolicySpec
from lateen.resources.destination_rule import DestinationRuleSpec
from lateen.resources.discovery import EndpointSliceSpec
from lateen.resources.envoy_filter import EnvoyFilterSpec
from lateen.resources.gateway import GatewaySpec
from lateen.resources.peer_authentication import PeerAuthenticationSpec
from lateen.resources.pod import PodSpec, PodStatus
from lateen.resources.proxy_config import ProxyConfigSpec
from lateen.resources.request_authentication import RequestAuthenticationSpec
from lateen.resources.service_entry import ServiceEntrySpec
from lateen.resources.sidecar import SidecarSpec
from lateen.resources.telemetry import TelemetrySpec
from lateen.resources.traffic_extension import TrafficExtensionSpec
from lateen.resources.virtual_service import VirtualServiceSpec
from lateen.resources.wasm_plugin import WasmPluginSpec
from lateen.resources.workload_entry import WorkloadEntrySpec
from lateen.resources.workload_group import WorkloadGroupSpec


class PrinterColumn(msgspec.Struct, frozen=True):
    """A column of `kubectl get` after NAME. `type` is one of string, date, integer, number and boolean."""

    name: str
    type: str
    json_path: str
    priority: int = 0


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind.

    The first version is the preferred one; `flat` kinds have their fields beside the metadata, not in a `spec`.
    """

    group: str
    versions: tuple[str, ...]
    kind: str
    plural: str
    singular: str
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    namespaced: bool = True
    spec_type: type[Any]
    status_type: type[Any] | None = None
    printer_columns: tuple[PrinterColumn, ...] = ()
    subresources: tuple[str, ...] = ()
    flat: bool = False

    @property
    def api_version(self) -> str:
        """The preferred `apiVersion`, such as `networking.istio.io/v1` or `v1`."""
        return f"{self.group}/{self.versions[0]}" if self.group else self.versions[0]

    @property
    def list_kind(self) -> str:
        """The kind of a list of these."""
        return f"{self.kind}List"

    @property
    def istio(self) -> bool:
        """Whether the kind belongs to one of Istio's API groups."""
        return self.group.endswith(".istio.io")


def _core(kind: str, spec_type: type[Any], **row: Any) -> Kind:
    """Return a row of the group "" (version v1) unless `row` says otherwise; the names follow from the kind's."""
    name = kind.lower()
    defaults: dict[str, Any] = {"group": "", "versions": ("v1",), "singular": name, "plural": name + "s"}
    return Kind(kind=kind, spec_type=spec_type, **(defaults | row))


def _istio(group: str, kind: str, spec_type: type[Any], **row: Any) -> Kind:
    """Return a row of one of Istio's groups, given by its first label."""
    name = kind.lower()
    domain = f"{group}.istio.io"
    defaults: dict[str, Any] = {
        "versions": ("v1", "v1beta1", "v1alpha3") if group == "networking" else ("v1", "v1beta1"),
        "singular": name,
        "plural": name + "s",
        "categories": ("istio-io", f"{group}-istio-io"),
        "subresources": ("status",),
    }
    return Kind(group=domain, kind=kind, spec_type=spec_type, **(defaults | row))


_AGE = PrinterColumn("Age", "date", ".metadata.creationTimestamp")


def _columns(**paths: str) -> tuple[PrinterColumn, ...]:
    """Return text columns by name, followed by the age."""
    return (*(PrinterColumn(name, "string", path) for name, path in paths.items()), _AGE)


_POD_SUBRESOURCES = ("status", "log", "exec", "attach", "portforward", "eviction", "binding", "ephemeralcontainers")

_KUBERNETES = (
    _core("Namespace", core.NamespaceSpec, short_names=("ns",), namespaced=False, subresources=("status", "finalize")),
    _core(
        "Node",
        core.NodeSpec,
        short_names=("no",),
        namespaced=False,
        status_type=core.NodeStatus,
        subresources=("status",),
    ),
    _core(
        "Pod",
        PodSpec,
        short_names=("po",),
        categories=("all",),
        status_type=PodStatus,
        subresources=_POD_SUBRESOURCES,
    ),
    _core(
        "Service",
        core.ServiceSpec,
        short_names=("svc",),
        categories=("all",),
        status_type=core.ServiceStatus,
        subresources=("status",),
    ),
    _core("Endpoints", core.EndpointsSpec, plural="endpoints", short_names=("ep",), flat=True),
    _core("ConfigMap", core.ConfigMapSpec, short_names=("cm",), flat=True),
    _core("Secret", core.SecretSpec, flat=True),
    _core("ServiceAccount", core.ServiceAccountSpec, short_names=("sa",), subresources=("token",), flat=True),
    _core("Event", core.EventSpec, short_names=("ev",), flat=True),
    _core("EndpointSlice", EndpointSliceSpec, group="discovery.k8s.io", flat=True),
    _core("Lease", core.LeaseSpec, group="coordination.k8s.io"),
    _core(
        "Deployment",
        workloads.DeploymentSpec,
        group="apps",
        short_names=("deploy",),
        categories=("all",),
        subresources=("status", "scale"),
    ),
    _core(
        "ReplicaSet",
        workloads.ReplicaSetSpec,
        group="apps",
        short_names=("rs",),
        categories=("all",),
        subresources=("status", "scale"),
    ),
    _core(
        "CustomResourceDefinition",
        extensions.CustomResourceDefinitionSpec,
        group="apiextensions.k8s.io",
        short_names=("crd", "crds"),
        categories=("api-extensions",),
        namespaced=False,
        subresources=("status",),
    ),
    _core(
        "MutatingWebhookConfiguration",
        extensions.WebhookConfigurationSpec,
        group="admissionregistration.k8s.io",
        categories=("api-extensions",),
        namespaced=False,
        flat=True,
    ),
    _core(
        "ValidatingWebhookConfiguration",
        extensions.WebhookConfigurationSpec,
        group="admissionregistration.k8s.io",
        categories=("api-extensions",),
        namespaced=False,
        flat=True,
    ),
)

_NETWORKING = (
    _istio(
        "networking",
        "VirtualService",
        VirtualServiceSpec,
        short_names=("vs",),
        printer_columns=_columns(Gateways=".spec.gateways", Hosts=".spec.hosts"),
    ),
    _istio(
        "networking",
        "DestinationRule",
        DestinationRuleSpec,
        short_names=("dr",),
        printer_columns=_columns(Host=".spec.host"),
    ),
    _istio("networking", "Gateway", GatewaySpec, short_names=("gw",)),
    _istio(
        "networking",
        "ServiceEntry",
        ServiceEntrySpec,
        plural="serviceentries",
        short_names=("se",),
        printer_columns=_columns(Hosts=".spec.hosts", Location=".spec.location", Resolution=".spec.resolution"),
    ),
    _istio("networking", "Sidecar", SidecarSpec),
    _istio(
        "networking",
        "WorkloadEntry",
        WorkloadEntrySpec,
        plural="workloadentries",
        short_names=("we",),
        printer_columns=(_AGE, PrinterColumn("Address", "string", ".spec.address")),
    ),
    _istio("networking", "WorkloadGroup", WorkloadGroupSpec, short_names=("wg",), printer_columns=(_AGE,)),
    _istio("networking", "EnvoyFilter", EnvoyFilterSpec, versions=("v1alpha3",)),
    _istio("networking", "ProxyConfig", ProxyConfigSpec, versions=("v1beta1",)),
)

_SECURITY = (
    _istio(
        "security",
        "AuthorizationPolicy",
        AuthorizationPolicySpec,
        plural="authorizationpolicies",
        short_names=("ap",),
        printer_columns=_columns(Action=".spec.action"),
    ),
    _istio(
        "security",
        "PeerAuthentication",
        PeerAuthenticationSpec,
        short_names=("pa",),
        printer_columns=_columns(Mode=".spec.mtls.mode"),
    ),
    _istio("security", "RequestAuthentication", RequestAuthenticationSpec, short_names=("ra",)),
)

_OTHERS = (
    _istio(
        "telemetry",
        "Telemetry",
        TelemetrySpec,
        versions=("v1", "v1alpha1"),
        plural="telemetries",
        short_names=("telemetry",),
        printer_columns=(_AGE,),
    ),
    _istio("extensions", "WasmPlugin", WasmPluginSpec, versions=("v1alpha1",), printer_columns=(_AGE,)),
    _istio("extensions", "TrafficExtension", TrafficExtensionSpec, versions=("v1alpha1",), printer_columns=(_AGE,)),
)

KINDS: tuple[Kind, ...] = _KUBERNETES + _NETWORKING + _SECURITY + _OTHERS

_BY_NAME = {kind.kind: kind for kind in KINDS}
_BY_VERSION = {
    (f"{kind.group}/{version}" if kind.group else version, kind.kind): kind
    for kind in KINDS
    for version in kind.versions
}


def kind_named(name: str) -> Kind | None:
    """Return the kind of that name (`VirtualService`), or None."""
    return _BY_NAME.get(name)


def kind_of(api_version: str, kind: str) -> Kind | None:
    """Return the kind that serves this `apiVersion` and `kind`, or None."""
    return _BY_VERSION.get((api_version, kind))


def versions_of(kind: str) -> tuple[str, ...]:
    """Return every `apiVersion` under which a kind of this name is served, preferred first; () for an unknown name."""
    row = _BY_NAME.get(kind)
    if row is None:
        return ()
    return tuple(f"{row.group}/{version}" if row.group else version for version in row.versions)
