"""virtualInbound: which chains a port gets, what they enforce, and that Envoy takes them."""

from pathlib import Path
from typing import Any

import pytest
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
)
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import DownstreamTlsContext

from lateen.mesh.inbound import inbound_view
from lateen.xds.inbound_clusters import inbound_clusters
from lateen.xds.inbound_listeners import inbound_listeners, listener
from tests.mesh.world import sidecar, world
from tests.xds.envoy import refusal
from tests.xds.reading import by_name

WEB = sidecar(LABELS={"app": "web"})
PORTS = "[{name: http, port: 80}, {name: grpc, port: 81}, {name: tcp, port: 82}, {port: 83}]"
SERVICE = (
    "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: default}\n"
    f"spec: {{clusterIP: 10.96.0.1, selector: {{app: web}}, ports: {PORTS}}}\n"
)
MESH_ALPN = ["istio", "istio-peer-exchange", "istio-http/1.0", "istio-http/1.1", "istio-h2"]
MESH_HTTP = ["istio-http/1.0", "istio-http/1.1", "istio-h2"]


def peer(mode: str, more: str = "") -> str:
    """A PeerAuthentication for all workloads of the namespace, or with a selector in `more`."""
    metadata = f"{{name: p{len(more)}, namespace: default}}"
    head = f"apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {metadata}\n"
    return f"{head}spec: {{mtls: {{mode: {mode}}}{more}}}\n"


def allow(spec: str) -> str:
    head = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p, namespace: default}\n"
    return f"{head}spec: {spec}\n"


def chains(port: int, *texts: str) -> list[Any]:
    made = listener(world(SERVICE, *texts), inbound_view(world(SERVICE, *texts), WEB))
    return [chain for chain in made.filter_chains if chain.filter_chain_match.destination_port.value == port]


def shape(chain: Any) -> tuple[str, list[str], str, bool]:
    """(transport, offers, last filter, ends TLS)."""
    match = chain.filter_chain_match
    last = chain.filters[-1].name.rpartition(".")[2]
    return (match.transport_protocol, list(match.application_protocols), last, chain.HasField("transport_socket"))


HTTP, TCP = "http_connection_manager", "tcp_proxy"


@pytest.mark.parametrize(
    ("mode", "port", "expected"),
    [
        ("PERMISSIVE", 80, [("tls", MESH_ALPN, HTTP, True), ("raw_buffer", [], HTTP, False)]),
        ("PERMISSIVE", 82, [("tls", MESH_ALPN, TCP, True), ("tls", [], TCP, False), ("raw_buffer", [], TCP, False)]),
        (
            "PERMISSIVE",
            83,
            [
                ("tls", MESH_HTTP, HTTP, True),
                ("raw_buffer", ["http/1.1", "h2c"], HTTP, False),
                ("tls", ["istio-peer-exchange", "istio"], TCP, True),
                ("raw_buffer", [], TCP, False),
                ("tls", [], TCP, False),
            ],
        ),
        ("STRICT", 80, [("tls", [], HTTP, True)]),
        ("STRICT", 82, [("tls", [], TCP, True)]),
        ("STRICT", 83, [("tls", MESH_HTTP, HTTP, True), ("tls", [], TCP, True)]),
        ("DISABLE", 80, [("raw_buffer", [], HTTP, False)]),
        ("DISABLE", 83, [("raw_buffer", ["http/1.1", "h2c"], HTTP, False), ("raw_buffer", [], TCP, False)]),
    ],
)
def test_chains_of_a_port_by_mode_and_protocol(mode: str, port: int, expected: list[Any]) -> None:
    assert [shape(chain) for chain in chains(port, peer(mode))] == expected


def test_strict_leaves_no_way_in_without_a_certificate() -> None:
    made = listener(world(SERVICE, peer("STRICT")), inbound_view(world(SERVICE, peer("STRICT")), WEB))

    open_chains = [chain.name for chain in made.filter_chains if not chain.HasField("transport_socket")]

    assert open_chains == ["virtualInbound-blackhole"]


def test_mutual_tls_asks_for_a_certificate_of_the_mesh() -> None:
    config = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\n"
        "data: {mesh: 'trustDomain: td1\n\n    trustDomainAliases: [td2]'}\n"
    )
    (chain,) = chains(80, peer("STRICT"), config)
    context = DownstreamTlsContext()
    chain.transport_socket.typed_config.Unpack(context)
    check = context.common_tls_context.combined_validation_context

    assert context.require_client_certificate.value
    assert [name.matcher.prefix for name in check.default_validation_context.match_typed_subject_alt_names] == [
        "spiffe://td1/",
        "spiffe://td2/",
    ]
    assert check.validation_context_sds_secret_config.name == "ROOTCA"
    assert context.common_tls_context.tls_certificate_sds_secret_configs[0].name == "default"


def test_a_port_that_only_a_policy_names_has_its_own_passthrough_chains() -> None:
    text = peer("PERMISSIVE", ", selector: {matchLabels: {app: web}}, portLevelMtls: {9000: {mode: STRICT}}")

    assert [shape(chain)[3] for chain in chains(9000, text)] == [True, True]


def test_policies_stand_before_what_takes_the_bytes_on_every_chain() -> None:
    policy = allow("{rules: [{from: [{source: {namespaces: [a]}}]}]}")
    tcp, http = chains(82, policy, peer("STRICT"))[0], chains(80, policy, peer("STRICT"))[0]
    manager = HttpConnectionManager()
    http.filters[-1].typed_config.Unpack(manager)

    assert [one.name for one in tcp.filters] == ["envoy.filters.network.rbac", "envoy.filters.network.tcp_proxy"]
    assert [one.name for one in manager.http_filters] == [
        "envoy.filters.http.rbac",
        "envoy.filters.http.grpc_stats",
        "envoy.filters.http.fault",
        "envoy.filters.http.cors",
        "envoy.filters.http.router",
    ]


def test_only_ports_that_need_it_are_looked_at() -> None:
    made = listener(world(SERVICE, peer("DISABLE")), inbound_view(world(SERVICE, peer("DISABLE")), WEB))
    filters = {one.name.rpartition(".")[2]: one for one in made.listener_filters}

    ranges = filters["http_inspector"].filter_disabled.or_match.rules

    assert list(filters) == ["original_dst", "http_inspector"]
    assert [rule.destination_port_range.start for rule in ranges] == [80, 81, 82, 15006]


def test_retries_of_requests_that_never_left_are_not_for_grpc() -> None:
    def retries(port: int) -> str:
        manager = HttpConnectionManager()
        chains(port)[0].filters[-1].typed_config.Unpack(manager)
        return str(manager.route_config.virtual_hosts[0].routes[0].route.retry_policy.retry_on)

    assert (retries(80), retries(81)) == ("reset-before-request", "")


def test_clusters_dial_the_original_destination_from_an_address_that_is_not_redirected() -> None:
    found = by_name(inbound_clusters(world(SERVICE), WEB))

    assert sorted(found) == ["InboundPassthroughCluster", *(f"inbound|{port}||" for port in (80, 81, 82, 83))]
    for cluster in found.values():
        assert cluster.type == cluster.ORIGINAL_DST
        assert cluster.upstream_bind_config.source_address.address == "127.0.0.6"


def test_a_proxy_without_redirection_has_no_inbound_listener() -> None:
    assert inbound_listeners(world(SERVICE), sidecar(LABELS={"app": "web"}, INTERCEPTION_MODE="NONE")) == ()


@pytest.mark.parametrize("mode", ["STRICT", "PERMISSIVE", "DISABLE"])
def test_envoy_takes_it(mode: str, tmp_path: Path) -> None:
    policy = allow('{action: DENY, rules: [{to: [{operation: {paths: ["/a/{*}/b", "/x*"]}}]}]}')
    db = world(SERVICE, peer(mode), policy)
    listeners = by_name(inbound_listeners(db, WEB)).values()
    clusters = by_name(inbound_clusters(db, WEB)).values()

    assert refusal(listeners, clusters, tmp_path, ["BlackHoleCluster"]) == ""
