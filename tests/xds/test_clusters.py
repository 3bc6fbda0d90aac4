"""Clusters."""

from typing import Any

import pytest

from lateen.xds.discovery import wanted
from lateen.xds.encode import CLUSTER
from tests.mesh.world import endpoints_of, router, service, sidecar, world
from tests.xds.reading import by_name

WEB = service("web", "http:80")
NAME = "outbound|80||web.default.svc.cluster.local"
OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def rule(policy: str) -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: web}}
spec: {{host: web, trafficPolicy: {policy}}}
"""


def entry(resolution: str, more: str = "", port: str = "{number: 80, name: http, protocol: HTTP}") -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: e}}
spec: {{hosts: [x.example.com], ports: [{port}], resolution: {resolution}, {more}}}
"""


def clusters(*texts: str, node: Any = None) -> dict[str, Any]:
    return by_name(wanted(world(*texts), node or sidecar(), CLUSTER, None))


def options(cluster: Any) -> Any:
    from envoy.extensions.upstreams.http.v3.http_protocol_options_pb2 import HttpProtocolOptions

    made = HttpProtocolOptions()
    assert cluster.typed_extension_protocol_options[OPTIONS].Unpack(made)
    return made


def tls_of(socket: Any) -> Any:
    from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import UpstreamTlsContext

    made = UpstreamTlsContext()
    assert socket.typed_config.Unpack(made)
    return made


def names_in(common: Any) -> list[str]:
    """The names of which the peer's certificate must have one."""
    context = common.combined_validation_context.default_validation_context
    return [name.matcher.exact for name in context.match_typed_subject_alt_names]


@pytest.mark.parametrize(
    ("text", "name", "kind"),
    [
        (WEB, NAME, "EDS"),
        (service("web", "http:80", ip="None"), NAME, "ORIGINAL_DST"),
        (entry("DNS"), "outbound|80||x.example.com", "STRICT_DNS"),
        (entry("DNS_ROUND_ROBIN"), "outbound|80||x.example.com", "LOGICAL_DNS"),
        (entry("STATIC", "endpoints: [{address: 192.0.2.1}]"), "outbound|80||x.example.com", "EDS"),
        (entry("NONE"), "outbound|80||x.example.com", "ORIGINAL_DST"),
    ],
)
def test_how_endpoints_are_found(text: str, name: str, kind: str) -> None:
    cluster = clusters(text)[name]

    assert cluster.DiscoveryType.Name(cluster.type) == kind


def test_a_target_port_of_an_original_destination() -> None:
    port = "{number: 80, name: http, protocol: HTTP, targetPort: 8080}"
    cluster = clusters(entry("NONE", port=port))["outbound|80||x.example.com"]

    assert cluster.original_dst_lb_config.upstream_port_override.value == 8080


def test_gateways_have_no_passthrough() -> None:
    assert "PassthroughCluster" in clusters(WEB)
    assert "PassthroughCluster" not in clusters(WEB, node=router())


def test_udp_has_no_cluster() -> None:
    assert NAME not in clusters(WEB.replace("name: http", "name: http\n    protocol: UDP"))


@pytest.mark.parametrize(
    ("port", "protocol"),
    [("http:80", None), ("grpc:80", "explicit_http_config"), ("80", "use_downstream_protocol_config")],
)
def test_the_upstream_protocol_follows_the_port(port: str, protocol: str | None) -> None:
    cluster = clusters(service("web", port))[NAME]
    found = (
        options(cluster).WhichOneof("upstream_protocol_options") if cluster.typed_extension_protocol_options else None
    )

    assert found == protocol


def test_http1_may_be_upgraded() -> None:
    upgraded = clusters(WEB, rule("{connectionPool: {http: {h2UpgradePolicy: UPGRADE, maxConcurrentStreams: 7}}}"))[
        NAME
    ]

    assert options(upgraded).explicit_http_config.http2_protocol_options.max_concurrent_streams.value == 7


def test_limits() -> None:
    tcp = "{maxConnections: 5, connectTimeout: 2s, idleTimeout: 7s}"
    pool = f"{{connectionPool: {{tcp: {tcp}, http: {{maxRequestsPerConnection: 1}}}}}}"
    cluster = clusters(WEB, rule(pool))[NAME]
    (limits,) = cluster.circuit_breakers.thresholds
    common = options(cluster).common_http_protocol_options

    assert (limits.max_connections.value, limits.max_retries.value) == (5, 2**32 - 1)
    assert (cluster.connect_timeout.seconds, common.idle_timeout.seconds) == (2, 7)
    assert common.max_requests_per_connection.value == 1


def test_outliers() -> None:
    detection = (
        "{outlierDetection: {consecutive5xxErrors: 0, consecutiveGatewayErrors: 2, interval: 1s, minHealthPercent: 30}}"
    )
    cluster = clusters(WEB, rule(detection))[NAME]
    found = cluster.outlier_detection

    assert (found.consecutive_5xx.value, found.enforcing_consecutive_5xx.value) == (0, 0)
    assert (found.consecutive_gateway_failure.value, found.enforcing_consecutive_gateway_failure.value) == (2, 100)
    assert found.enforcing_success_rate.value == 0
    assert cluster.common_lb_config.healthy_panic_threshold.value == 30


@pytest.mark.parametrize(
    ("balancer", "policy"),
    [
        ("{simple: ROUND_ROBIN}", "ROUND_ROBIN"),
        ("{simple: RANDOM}", "RANDOM"),
        ("{simple: LEAST_CONN}", "LEAST_REQUEST"),
        ("{simple: PASSTHROUGH}", "CLUSTER_PROVIDED"),
        ("{consistentHash: {httpHeaderName: a}}", "RING_HASH"),
        ("{consistentHash: {httpHeaderName: a, maglev: {tableSize: 7}}}", "MAGLEV"),
    ],
)
def test_load_balancers(balancer: str, policy: str) -> None:
    cluster = clusters(WEB, rule(f"{{loadBalancer: {balancer}}}"))[NAME]

    assert cluster.LbPolicy.Name(cluster.lb_policy) == policy
    assert cluster.type == (cluster.ORIGINAL_DST if policy == "CLUSTER_PROVIDED" else cluster.EDS)


def test_tls_of_the_mesh_is_chosen_by_endpoint() -> None:
    """Automatic mutual TLS, with the server's name and identities; the offer follows port and proxy."""
    pods = endpoints_of("web", "http:8080", "10.0.0.1")
    for flavour, offer in (
        ("stock", ["istio-http/1.1", "istio", "http/1.1"]),
        ("istio", ["istio-peer-exchange", "istio"]),
    ):
        cluster = clusters(WEB, pods, node=sidecar(PROXY_FLAVOUR=flavour))[NAME]
        context = tls_of(cluster.transport_socket_matches[0].transport_socket)
        names = names_in(context.common_tls_context)

        assert context.sni == "outbound_.80_._.web.default.svc.cluster.local"
        assert names == ["spiffe://cluster.local/ns/default/sa/web"]
        assert list(context.common_tls_context.alpn_protocols) == offer


def test_automatic_tls_gives_way() -> None:
    """To a rule, to a policy of the namespace, to mesh config, and to hosts outside."""
    off = """
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default}
spec: {mtls: {mode: DISABLE}}
"""
    config = """
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: "enableAutoMtls: false"}
"""
    for other in (rule("{tls: {mode: DISABLE}}"), off, config):
        assert not clusters(WEB, other)[NAME].transport_socket_matches
    assert not clusters(entry("DNS"))["outbound|80||x.example.com"].transport_socket_matches


def test_original_destinations_speak_tls_only_if_everybody_does() -> None:
    headless, pods = service("web", "http:80", ip="None"), endpoints_of("web", "http:8080", "10.0.0.1")

    assert clusters(headless, pods)[NAME].HasField("transport_socket")
    assert not clusters(headless, pods.replace("tlsMode: istio", "tlsMode: disabled"))[NAME].HasField(
        "transport_socket"
    )


def test_istio_mutual_by_rule() -> None:
    context = tls_of(
        clusters(WEB, rule("{tls: {mode: ISTIO_MUTUAL, sni: mine, subjectAltNames: [a]}}"))[NAME].transport_socket
    )
    names = names_in(context.common_tls_context)

    assert (context.sni, names) == ("mine", ["a"])
    assert context.common_tls_context.tls_certificate_sds_secret_configs[0].name == "default"


def test_tls_to_a_server_outside() -> None:
    policy = rule("{tls: {mode: MUTUAL, clientCertificate: /c, privateKey: /k, caCertificates: /r, sni: s}}")
    host = "outbound|80||x.example.com"
    cluster = clusters(entry("DNS", "subjectAltNames: [a]"), policy.replace("host: web", "host: x.example.com"))[host]
    common = tls_of(cluster.transport_socket).common_tls_context

    assert common.tls_certificate_sds_secret_configs[0].name == "file-cert:/c~/k"
    assert common.combined_validation_context.validation_context_sds_secret_config.name == "file-root:/r"
    assert names_in(common) == ["a"]


def test_a_secret_of_the_control_plane_is_for_gateways() -> None:
    """A sidecar that may not read the secret must not wait for it."""
    policy = rule("{tls: {mode: SIMPLE, credentialName: ext}}").replace("host: web", "host: x.example.com")
    host = "outbound|80||x.example.com"
    gateway = clusters(entry("DNS"), policy, node=router(namespace="default"))[host]
    root = tls_of(gateway.transport_socket).common_tls_context.combined_validation_context

    assert root.validation_context_sds_secret_config.name == "kubernetes://ext-cacert"
    assert not clusters(entry("DNS"), policy)[host].HasField("transport_socket")


def test_mesh_defaults() -> None:
    config = """
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: "{connectTimeout: 4s, tcpKeepalive: {probes: 2}, dnsRefreshRate: 9s, h2UpgradePolicy: UPGRADE}"}
"""
    made = clusters(WEB, entry("DNS"), config)

    assert made[NAME].connect_timeout.seconds == 4
    assert made[NAME].upstream_connection_options.tcp_keepalive.keepalive_probes.value == 2
    assert made["outbound|80||x.example.com"].dns_refresh_rate.seconds == 9
    assert options(made[NAME]).explicit_http_config.HasField("http2_protocol_options")
