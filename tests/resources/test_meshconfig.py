"""The mesh config: Istio's defaults, and what users lay over them."""

from lateen.resources.decode import decode
from lateen.resources.meshconfig import (
    MeshConfig,
    merge_proxy_config,
    parse_mesh_config,
    read_mesh_config,
    read_mesh_networks,
)
from lateen.resources.model import Resource
from lateen.resources.proxy_settings import ProxyConfig


def config_map(**data: str) -> Resource:
    """Return ConfigMap `istio` with this data."""
    decoded = decode(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "istio", "namespace": "istio-system"},
            "data": data,
        }
    )
    assert decoded.resource is not None
    return decoded.resource


def test_silence_is_the_defaults() -> None:
    """No text, an empty one and a comment."""
    assert read_mesh_config(config_map()) == (MeshConfig(), ())
    assert parse_mesh_config("# nothing\n") == (MeshConfig(), ())


def test_defaults_are_those_of_istio() -> None:
    """The ones that everything rests upon."""
    config = MeshConfig()

    assert (config.root_namespace, config.trust_domain, config.enable_auto_mtls) == (
        "istio-system",
        "cluster.local",
        True,
    )
    assert (config.outbound_traffic_policy.mode, config.connect_timeout, config.dns_refresh_rate) == (
        "ALLOW_ANY",
        "10s",
        "60s",
    )
    assert [provider.name for provider in config.extension_providers] == ["prometheus", "stackdriver", "envoy"]
    assert (config.default_config.drain_duration, config.default_config.status_port) == ("45s", 15020)
    assert config.default_config.discovery_address == "istiod.istio-system.svc:15012"


def test_settings_override_and_proxy_settings_merge() -> None:
    """What is not written keeps its default, inside defaultConfig too."""
    config, findings = parse_mesh_config(
        "accessLogFile: /dev/stdout\noutboundTrafficPolicy: {mode: REGISTRY_ONLY}\n"
        "defaultConfig: {tracing: {sampling: 100}}\n"
        "meshMTLS: {minProtocolVersion: TLSV1_3}\ntrustDomainAliases: [b, a, b]"
    )

    assert findings == ()
    assert (config.access_log_file, config.outbound_traffic_policy.mode) == ("/dev/stdout", "REGISTRY_ONLY")
    assert config.default_config.tracing is not None and config.default_config.tracing.sampling == 100
    assert config.default_config.drain_duration == "45s"
    assert config.mesh_mtls is not None and config.mesh_mtls.min_protocol_version == "TLSV1_3"
    assert config.trust_domain_aliases == ("a", "b")


def test_extension_providers_are_replaced_by_name() -> None:
    """Others stay."""
    text = "extensionProviders:\n- name: envoy\n  envoyFileAccessLog: {path: /x}\n- name: z\n  zipkin: {service: a}"

    providers = parse_mesh_config(text)[0].extension_providers

    assert [provider.name for provider in providers] == ["prometheus", "stackdriver", "envoy", "z"]
    assert providers[2].envoy_file_access_log is not None
    assert providers[2].envoy_file_access_log.path == "/x"


def test_what_cannot_be_read_leaves_the_defaults() -> None:
    """With a finding that names the ConfigMap, the key and the place."""
    for text, where, words in (
        ("a: [", "data.mesh", "line 2, column 1: is not YAML"),
        ("- a", "data.mesh", "must be a map of settings"),
        ("enableAutoMtls: maybe", "data.mesh.enableAutoMtls", "must be true or false, not 'maybe'"),
        ("extensionProviders: {}", "data.mesh.extensionProviders", "must be a list, not a map"),
    ):
        config, (finding,) = read_mesh_config(config_map(mesh=text))
        assert config == MeshConfig()
        assert (finding.path, finding.severity) == (where, "error")
        assert str(finding).startswith(f"ConfigMap istio-system/istio: {where}: {words}")


def test_unknown_settings_are_warnings() -> None:
    """A setting of another version does not throw the others away."""
    config, (finding,) = parse_mesh_config("accessLogFile: /x\ndefaultConfig: {concurrncy: 2}")

    assert config.access_log_file == "/x"
    assert (finding.severity, finding.suggestion) == ("warning", "did you mean concurrency?")


def test_proxy_config_of_an_annotation() -> None:
    """Maps merge; one tracer replaces another."""
    base, _ = merge_proxy_config(ProxyConfig(), "proxyMetadata: {A: a}\ntracing: {sampling: 5, zipkin: {address: z}}")
    merged, findings = merge_proxy_config(
        base, "proxyMetadata: {B: b}\ntracing: {datadog: {address: d}}\nconcurrency: 2"
    )

    assert findings == ()
    assert merged.proxy_metadata == {"A": "a", "B": "b"}
    assert merged.tracing is not None
    assert (merged.tracing.sampling, merged.tracing.zipkin, merged.concurrency) == (5, None, 2)
    assert merge_proxy_config(base, "concurrency: x")[0] == base


def test_networks() -> None:
    """Endpoints and gateways by network."""
    networks, findings = read_mesh_networks(
        config_map(
            meshNetworks="networks: {east: {endpoints: [{fromRegistry: r}], gateways: [{address: g, port: 15443}]}}"
        )
    )

    assert findings == ()
    assert networks.networks["east"].gateways[0].port == 15443
