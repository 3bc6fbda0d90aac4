"""EnvoyFilter: changes to the generated Envoy configuration itself.

Reference: https://istio.io/latest/docs/reference/config/networking/envoy-filter/
In: the `spec` of the object. Out: frozen structs; `Patch.value` stays a plain dict, since its type depends on what it
patches.
Rule: nobody changes `Patch.value` in place.
"""

from typing import Any, Literal

from lateen.resources.selectors import LabelSelector, PolicyTargetReference
from lateen.resources.structs import IstioStruct

ApplyTo = Literal[
    "INVALID",
    "LISTENER",
    "FILTER_CHAIN",
    "NETWORK_FILTER",
    "HTTP_FILTER",
    "ROUTE_CONFIGURATION",
    "VIRTUAL_HOST",
    "HTTP_ROUTE",
    "CLUSTER",
    "EXTENSION_CONFIG",
    "BOOTSTRAP",
    "LISTENER_FILTER",
]
PatchContext = Literal["ANY", "SIDECAR_INBOUND", "SIDECAR_OUTBOUND", "GATEWAY", "WAYPOINT"]
PatchOperation = Literal[
    "INVALID",
    "MERGE",
    "ADD",
    "REMOVE",
    "INSERT_BEFORE",
    "INSERT_AFTER",
    "INSERT_FIRST",
    "REPLACE",
    "MERGE_AND_REPLACE_LIST",
]
FilterClass = Literal["UNSPECIFIED", "AUTHN", "AUTHZ", "STATS"]
RouteAction = Literal["ANY", "ROUTE", "REDIRECT", "DIRECT_RESPONSE"]


class ProxyMatch(IstioStruct):
    """Proxies by version and node metadata. .../envoy-filter/#EnvoyFilter-ProxyMatch."""

    proxy_version: str | None = None
    metadata: dict[str, str] = {}


class SubFilterMatch(IstioStruct):
    """A filter inside a network filter. .../envoy-filter/#EnvoyFilter-ListenerMatch-SubFilterMatch."""

    name: str | None = None


class FilterMatch(IstioStruct):
    """A network filter. .../envoy-filter/#EnvoyFilter-ListenerMatch-FilterMatch."""

    name: str | None = None
    sub_filter: SubFilterMatch | None = None


class FilterChainMatch(IstioStruct):
    """A filter chain. .../envoy-filter/#EnvoyFilter-ListenerMatch-FilterChainMatch."""

    name: str | None = None
    sni: str | None = None
    transport_protocol: str | None = None
    application_protocols: str | None = None
    filter: FilterMatch | None = None
    destination_port: int | None = None


class ListenerMatch(IstioStruct):
    """A listener. .../envoy-filter/#EnvoyFilter-ListenerMatch."""

    port_number: int | None = None
    port_name: str | None = None
    filter_chain: FilterChainMatch | None = None
    listener_filter: str | None = None
    name: str | None = None


class RouteMatch(IstioStruct):
    """A route. .../envoy-filter/#EnvoyFilter-RouteConfigurationMatch-RouteMatch."""

    name: str | None = None
    action: RouteAction = "ANY"


class VirtualHostMatch(IstioStruct):
    """A virtual host. .../envoy-filter/#EnvoyFilter-RouteConfigurationMatch-VirtualHostMatch."""

    name: str | None = None
    domain_name: str | None = None
    route: RouteMatch | None = None


class RouteConfigurationMatch(IstioStruct):
    """A route configuration. .../envoy-filter/#EnvoyFilter-RouteConfigurationMatch."""

    port_number: int | None = None
    port_name: str | None = None
    gateway: str | None = None
    vhost: VirtualHostMatch | None = None
    name: str | None = None


class ClusterMatch(IstioStruct):
    """A cluster. .../envoy-filter/#EnvoyFilter-ClusterMatch."""

    port_number: int | None = None
    service: str | None = None
    subset: str | None = None
    name: str | None = None


class WaypointRouteMatch(IstioStruct):
    """A route of a waypoint. .../envoy-filter/#EnvoyFilter-WaypointMatch."""

    name: str | None = None


class WaypointMatch(IstioStruct):
    """A part of a waypoint's configuration. .../envoy-filter/#EnvoyFilter-WaypointMatch."""

    port_number: int | None = None
    filter: FilterMatch | None = None
    route: WaypointRouteMatch | None = None


class ConfigObjectMatch(IstioStruct):
    """Which of the generated objects are patched. .../envoy-filter/#EnvoyFilter-EnvoyConfigObjectMatch."""

    context: PatchContext = "ANY"
    proxy: ProxyMatch | None = None
    listener: ListenerMatch | None = None
    route_configuration: RouteConfigurationMatch | None = None
    cluster: ClusterMatch | None = None
    waypoint: WaypointMatch | None = None


class Patch(IstioStruct):
    """What is done with them. .../envoy-filter/#EnvoyFilter-Patch."""

    operation: PatchOperation = "INVALID"
    value: dict[str, Any] | None = None
    filter_class: FilterClass = "UNSPECIFIED"


class ConfigPatch(IstioStruct):
    """One change. .../envoy-filter/#EnvoyFilter-EnvoyConfigObjectPatch."""

    apply_to: ApplyTo = "INVALID"
    match: ConfigObjectMatch | None = None
    patch: Patch | None = None


class EnvoyFilterSpec(IstioStruct):
    """Changes in order, and the workloads they are for. .../envoy-filter/#EnvoyFilter."""

    workload_selector: LabelSelector | None = None
    target_refs: tuple[PolicyTargetReference, ...] = ()
    config_patches: tuple[ConfigPatch, ...] = ()
    priority: int | None = None
