"""MeshConfig: the settings of the whole mesh.

Reference: https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig In: the ConfigMap `istio`
(keys `mesh` and `meshNetworks`), or its text. Out: frozen structs; `MeshConfig()` has Istio's defaults. Rule: what
users write overrides field by field, except that `defaultConfig` and `defaultProviders` merge and extension providers
are replaced by name, as istiod does. A setting that cannot be read leaves the defaults and becomes a finding.
"""

from typing import Any, Literal, TypeVar

import msgspec

from lateen.resources.decode import Place, read_part
from lateen.resources.destination_rule import (
    ClientTLSSettings,
    ConnectionPoolSettings,
    LocalityLoadBalancerSetting,
    OutlierDetection,
    TcpKeepalive,
    ZoneAwareLoadBalancerSetting,
)
from lateen.resources.duration import DurationError, parse_duration
from lateen.resources.extension_providers import DEFAULT_PROVIDERS, ExtensionProvider
from lateen.resources.findings import Finding
from lateen.resources.model import Resource
from lateen.resources.proxy_settings import ProxyConfig
from lateen.resources.structs import IstioStruct
from lateen.resources.virtual_service import HTTPRetry
from lateen.resources.yaml import load_one

OutboundMode = Literal["REGISTRY_ONLY", "ALLOW_ANY", "ALLOW_ANY_DYNAMIC_DNS"]
Normalization = Literal["DEFAULT", "NONE", "BASE", "MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES"]
Visibility = Literal["VISIBILITY_UNSPECIFIED", "NONE", "NAMESPACE", "PUBLIC"]


class SelectorRequirement(IstioStruct):
    """A condition on one label: In, NotIn, Exists or DoesNotExist. .../#LabelSelectorRequirement."""

    key: str | None = None
    operator: str | None = None
    values: tuple[str, ...] = ()


class MeshLabelSelector(IstioStruct):
    """Namespaces or services by labels. .../#LabelSelector."""

    match_labels: dict[str, str] = {}
    match_expressions: tuple[SelectorRequirement, ...] = ()


class OutboundTrafficPolicy(IstioStruct):
    """What happens to traffic for unknown hosts. .../#MeshConfig-OutboundTrafficPolicy."""

    mode: OutboundMode = "ALLOW_ANY"
    tls: ClientTLSSettings | None = None


class InboundTrafficPolicy(IstioStruct):
    """Where inbound traffic goes: to the address it was sent to, or to 127.0.0.1.

    .../#MeshConfig-InboundTrafficPolicy.
    """

    mode: Literal["PASSTHROUGH", "LOCALHOST"] = "PASSTHROUGH"


class CertificateData(IstioStruct):
    """Roots that are trusted in addition. .../#MeshConfig-CertificateData."""

    pem: str | None = None
    spiffe_bundle_url: str | None = None
    cert_signers: tuple[str, ...] = ()
    trust_domains: tuple[str, ...] = ()


class ServiceSetting(IstioStruct):
    """One setting of services. .../#MeshConfig-ServiceSettings-Settings."""

    cluster_local: bool = False


class ServiceSettings(IstioStruct):
    """Settings of the services of some hosts. .../#MeshConfig-ServiceSettings."""

    settings: ServiceSetting | None = None
    hosts: tuple[str, ...] = ()


class ServiceScopeConfig(IstioStruct):
    """How far services are known (ambient). .../#MeshConfig-ServiceScopeConfigs."""

    namespace_selector: MeshLabelSelector | None = None
    services_selector: MeshLabelSelector | None = None
    scope: Literal["LOCAL", "GLOBAL"] = "LOCAL"


class CertificateAuthority(IstioStruct):
    """An external authority. .../#MeshConfig-CA."""

    address: str | None = None
    tls_settings: ClientTLSSettings | None = None
    request_timeout: str | None = None
    istiod_side: bool = False


class DefaultProviders(IstioStruct):
    """Providers that apply where Telemetry names none. .../#MeshConfig-DefaultProviders."""

    tracing: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    access_logging: tuple[str, ...] = ()


class PathNormalization(IstioStruct):
    """How paths are brought into one form before policies look at them. .../#MeshConfig-ProxyPathNormalization."""

    normalization: Normalization = "DEFAULT"


class TLSConfig(IstioStruct):
    """Lowest version, curves and ciphers. .../#MeshConfig-TLSConfig."""

    min_protocol_version: Literal["TLS_AUTO", "TLSV1_2", "TLSV1_3"] = "TLS_AUTO"
    ecdh_curves: tuple[str, ...] = ()
    cipher_suites: tuple[str, ...] = ()


class DefaultTrafficPolicy(IstioStruct):
    """Settings of destinations without a DestinationRule. .../#MeshConfig-DefaultTrafficPolicy."""

    connection_pool: ConnectionPoolSettings | None = None
    outlier_detection: OutlierDetection | None = None


class VisibilityRule(IstioStruct):
    """A condition of a visibility policy. .../#ServiceEntryVisibility."""

    namespace_selector: MeshLabelSelector | None = None


class VisibilityPolicy(IstioStruct):
    """A visibility and where it holds. .../#ServiceEntryVisibility."""

    visibility: Visibility = "VISIBILITY_UNSPECIFIED"
    matching_rules: tuple[VisibilityRule, ...] = ()


class ServiceEntryVisibility(IstioStruct):
    """How far ServiceEntries are seen. .../#ServiceEntryVisibility."""

    default_visibility: Visibility = "VISIBILITY_UNSPECIFIED"
    apply_to_sidecars: bool = False
    policies: tuple[VisibilityPolicy, ...] = ()


class ConfigSource(IstioStruct):
    """Another source of configuration. .../#ConfigSource."""

    address: str | None = None
    tls_settings: ClientTLSSettings | None = None
    subscribed_resources: tuple[Literal["SERVICE_REGISTRY"], ...] = ()


class Certificate(IstioStruct):
    """A certificate that the control plane makes for others (deprecated). .../#Certificate."""

    secret_name: str | None = None
    dns_names: tuple[str, ...] = ()


class MeshConfig(IstioStruct):
    """The settings of the mesh. .../#MeshConfig."""

    proxy_listen_port: int = 15001
    proxy_inbound_listen_port: int = 15006
    proxy_http_port: int | None = None
    connect_timeout: str = "10s"
    hbone_idle_timeout: str | None = None
    protocol_detection_timeout: str = "0s"
    tcp_keepalive: TcpKeepalive | None = None
    ingress_class: str = "istio"
    ingress_service: str = "istio-ingressgateway"
    ingress_controller_mode: Literal["UNSPECIFIED", "OFF", "DEFAULT", "STRICT"] = "STRICT"
    ingress_selector: str | None = None
    enable_tracing: bool = True
    access_log_file: str = ""
    access_log_format: str = ""
    access_log_encoding: Literal["TEXT", "JSON"] = "TEXT"
    enable_envoy_access_log_service: bool = False
    disable_envoy_listener_log: bool = False
    default_config: ProxyConfig = ProxyConfig()
    outbound_traffic_policy: OutboundTrafficPolicy = OutboundTrafficPolicy()
    inbound_traffic_policy: InboundTrafficPolicy = InboundTrafficPolicy()
    config_sources: tuple[ConfigSource, ...] = ()
    enable_auto_mtls: bool = True
    trust_domain: str = "cluster.local"
    trust_domain_aliases: tuple[str, ...] = ()
    ca_certificates: tuple[CertificateData, ...] = ()
    default_service_export_to: tuple[str, ...] = ("*",)
    default_virtual_service_export_to: tuple[str, ...] = ("*",)
    default_destination_rule_export_to: tuple[str, ...] = ("*",)
    root_namespace: str = "istio-system"
    locality_lb_setting: LocalityLoadBalancerSetting = LocalityLoadBalancerSetting(enabled=True)
    zone_aware_lb_setting: ZoneAwareLoadBalancerSetting | None = None
    dns_refresh_rate: str = "60s"
    h2_upgrade_policy: Literal["DO_NOT_UPGRADE", "UPGRADE"] = "DO_NOT_UPGRADE"
    inbound_cluster_stat_name: str = ""
    outbound_cluster_stat_name: str = ""
    certificates: tuple[Certificate, ...] = ()
    service_settings: tuple[ServiceSettings, ...] = ()
    service_scope_configs: tuple[ServiceScopeConfig, ...] = ()
    enable_prometheus_merge: bool = True
    verify_certificate_at_client: bool | None = None
    ca: CertificateAuthority | None = None
    extension_providers: tuple[ExtensionProvider, ...] = DEFAULT_PROVIDERS
    default_providers: DefaultProviders = DefaultProviders()
    discovery_selectors: tuple[MeshLabelSelector, ...] = ()
    path_normalization: PathNormalization = PathNormalization()
    default_http_retry_policy: HTTPRetry | None = None
    mesh_mtls: TLSConfig | None = msgspec.field(default=None, name="meshMTLS")
    tls_defaults: TLSConfig | None = None
    default_traffic_policy: DefaultTrafficPolicy | None = None
    service_entry_visibility: ServiceEntryVisibility | None = None


class NetworkEndpoints(IstioStruct):
    """Endpoints that are on a network, by addresses or by registry. .../#Network-NetworkEndpoints."""

    from_cidr: str | None = None
    from_registry: str | None = None


class NetworkGateway(IstioStruct):
    """A gateway into a network. .../#Network-IstioNetworkGateway."""

    registry_service_name: str | None = None
    address: str | None = None
    port: int | None = None
    locality: str | None = None


class Network(IstioStruct):
    """A network. .../#Network."""

    endpoints: tuple[NetworkEndpoints, ...] = ()
    gateways: tuple[NetworkGateway, ...] = ()


class MeshNetworks(IstioStruct):
    """All networks by name. .../#MeshNetworks."""

    networks: dict[str, Network] = {}


_T = TypeVar("_T")
Read = tuple[_T, tuple[Finding, ...]]


def read_mesh_config(config_map: Resource) -> Read[MeshConfig]:
    """Return the mesh config in ConfigMap `istio`, with findings; the defaults if it cannot be read."""
    text = config_map.spec.data.get("mesh", "")
    return parse_mesh_config(text, Place(config_map.key), "data.mesh")


def read_mesh_networks(config_map: Resource) -> Read[MeshNetworks]:
    """Return the networks in ConfigMap `istio`, with findings; none if they cannot be read."""
    text = config_map.spec.data.get("meshNetworks", "")
    value, findings = _mapping(text, Place(config_map.key), "data.meshNetworks")
    networks, more = read_part(value, MeshNetworks, "data.meshNetworks", Place(config_map.key))
    return networks or MeshNetworks(), findings + more


def parse_mesh_config(text: str, place: Place | None = None, path: str = "") -> Read[MeshConfig]:
    """Return the mesh config of a YAML text laid over the defaults, with findings about `place`."""
    place = place or Place()
    value, findings = _mapping(text, place, path)
    config, more = read_part(_with_defaults(value), MeshConfig, path, place)
    checked, durations = _with_good_durations(config or MeshConfig(), place, path)
    return checked, findings + more + durations


_DURATIONS = {"connect_timeout": True, "protocol_detection_timeout": False, "dns_refresh_rate": True}
"""Settings that are durations, and whether 0 is too short."""


def _duration_problem(text: str, *, positive: bool) -> str:
    try:
        seconds = parse_duration(text)
    except DurationError as error:
        return str(error)
    if seconds < 0 or (positive and seconds == 0):
        return f"{text} is too short"
    return ""


def _with_good_durations(config: MeshConfig, place: Place, path: str) -> Read[MeshConfig]:
    """Return the config with the default in the place of each duration that is none, and a finding for each."""
    findings: list[Finding] = []
    for field in msgspec.structs.fields(MeshConfig):
        if field.name not in _DURATIONS:
            continue
        problem = _duration_problem(getattr(config, field.name), positive=_DURATIONS[field.name])
        if problem:
            at = f"{path}.{field.encode_name}" if path else field.encode_name
            findings.append(place.finding("LTN0111", at, problem, f'write a duration such as "{field.default}"'))
            config = msgspec.structs.replace(config, **{field.name: field.default})
    return config, tuple(findings)


def merge_proxy_config(base: ProxyConfig, text: str, place: Place | None = None, path: str = "") -> Read[ProxyConfig]:
    """Return `base` with the YAML text of an annotation `proxy.istio.io/config` laid over it, with findings."""
    place = place or Place()
    value, findings = _mapping(text, place, path)
    config, more = read_part(_overlaid(base, value), ProxyConfig, path, place)
    return config or base, findings + more


def _mapping(text: str, place: Place, path: str) -> Read[dict[str, Any]]:
    """Return the map that a text holds; empty, with findings, if it holds something else."""
    document = load_one(text, path or "mesh config")
    if document.findings:
        first = document.findings[0]
        message = f"line {document.line}, {first.message}"
        return {}, (place.finding(first.code, path, message, first.suggestion),)
    if document.value is None:
        return {}, ()
    if not isinstance(document.value, dict):
        return {}, (place.finding("LTN0110", path, "must be a map of settings"),)
    return document.value, ()


def _with_defaults(value: dict[str, Any]) -> dict[str, Any]:
    """Return the settings with providers merged into the default ones; wrong shapes are left to the reader."""
    result = dict(value)
    providers = result.get("extensionProviders")
    if isinstance(providers, list) and all(isinstance(item, dict) for item in providers):
        merged = {item["name"]: item for item in msgspec.to_builtins(DEFAULT_PROVIDERS)}
        merged |= {str(item.get("name")): item for item in providers}
        result["extensionProviders"] = list(merged.values())
    aliases = result.get("trustDomainAliases")
    if isinstance(aliases, list) and all(isinstance(item, str) for item in aliases):
        result["trustDomainAliases"] = sorted(set(aliases))
    return result


def _overlaid(base: ProxyConfig, value: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of `base` with `value` laid over them: messages and maps merge, all else is replaced."""
    result = _merge(msgspec.to_builtins(base), value)
    if "tracingServiceName" in value:
        result["serviceCluster"] = ""
    tracers = {"zipkin", "lightstep", "datadog", "stackdriver", "openCensusAgent"}
    tracing = value.get("tracing")
    chosen = tracers & set(tracing) if isinstance(tracing, dict) else set()
    if chosen and isinstance(result.get("tracing"), dict):
        result["tracing"] = {key: item for key, item in result["tracing"].items() if key not in tracers - chosen}
    return result


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Return maps merged at every level that `decode` allows; the second wins."""
    result = dict(base)
    for key, value in over.items():
        known = result.get(key)
        result[key] = _merge(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return result
