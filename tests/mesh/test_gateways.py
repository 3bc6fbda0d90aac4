"""Gateways: which servers a proxy runs, and which VirtualServices they lead to."""

import pytest

from lateen.mesh.gateways import bound, gateway_findings, gateway_view
from lateen.mesh.node import ProxyNode
from tests.mesh.world import router, world

EDGE = router(LABELS={"app": "edge"})


def gateway(
    name: str,
    servers: str,
    *,
    namespace: str = "istio-system",
    created: str = "2026-01-01T00:00:00Z",
    selector: str = "{app: edge}",
) -> str:
    """A Gateway; `servers` is YAML in flow style."""
    metadata = f"{{name: {name}, namespace: {namespace}, creationTimestamp: {created!r}}}"
    spec = f"{{selector: {selector}, servers: {servers}}}"
    return f"apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {metadata}\nspec: {spec}\n"


def http(port: int = 8080, hosts: str = '["*"]', name: str = "http") -> str:
    return f"{{port: {{number: {port}, name: {name}, protocol: HTTP}}, hosts: {hosts}}}"


def https(hosts: str, port: int = 8443, name: str = "https", mode: str = "SIMPLE", more: str = "") -> str:
    tls = f"{{mode: {mode}, credentialName: cert{more}}}"
    return f"{{port: {{number: {port}, name: {name}, protocol: HTTPS}}, hosts: {hosts}, tls: {tls}}}"


def virtual_service(name: str, hosts: str, gateways: str, namespace: str = "default") -> str:
    spec = f"{{hosts: {hosts}, gateways: {gateways}, http: [{{route: [{{destination: {{host: a}}}}]}}]}}"
    metadata = f"{{name: {name}, namespace: {namespace}}}"
    return f"apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {metadata}\nspec: {spec}\n"


def served(*texts: str, node: ProxyNode = EDGE) -> list[tuple[str, int, str]]:
    """(Gateway, port, route table) of every server that is served."""
    return [(one.gateway.name, one.port, one.route_name) for one in gateway_view(world(*texts), node).servers]


def test_a_gateway_applies_to_proxies_that_it_selects_in_any_namespace() -> None:
    texts = (gateway("near", f"[{http()}]"), gateway("far", f"[{http(81)}]", namespace="team"))

    assert [name for name, _, _ in served(*texts)] == ["far", "near"]
    assert served(*texts, node=router(LABELS={"app": "other"})) == []


def test_a_number_that_a_service_has_means_its_target_port() -> None:
    service = (
        "apiVersion: v1\nkind: Service\nmetadata: {name: edge, namespace: istio-system}\n"
        "spec: {clusterIP: 10.96.0.9, selector: {app: edge}, ports: [{name: http2, port: 80, targetPort: 8080}]}\n"
    )

    assert served(service, gateway("g", f"[{http(80)}]")) == [("g", 8080, "http.8080")]
    assert served(service, gateway("g", f"[{http(8080)}]")) == [("g", 8080, "http.8080")]


def test_http_servers_of_one_port_share_a_table_and_https_servers_have_their_own() -> None:
    found = served(
        gateway("a", f"[{http()}, {https('[a.com]')}]"),
        gateway("b", f"[{http()}, {https('[b.com]')}]"),
    )

    assert found == [
        ("a", 8080, "http.8080"),
        ("a", 8443, "https.8443.https.a.istio-system"),
        ("b", 8080, "http.8080"),
        ("b", 8443, "https.8443.https.b.istio-system"),
    ]


def test_a_server_that_contradicts_an_older_one_is_left_out_and_found() -> None:
    tcp = "{port: {number: 8080, name: tcp, protocol: TCP}, hosts: ['*']}"
    db = world(
        gateway("older", f"[{http()}, {https('[a.com]')}]", created="2025-01-01T00:00:00Z"),
        gateway("newer", f"[{tcp}, {https('[a.com]', name='other')}, {https('[b.com]')}]"),
    )

    assert [(one.gateway.name, one.server) for one in gateway_view(db, EDGE).servers] == [
        ("older", 0),
        ("older", 1),
        ("newer", 2),
    ]
    assert [finding.path for finding in gateway_findings(db, EDGE)] == ["spec.servers[0]", "spec.servers[1]"]


def test_equal_hosts_do_not_collide_on_different_addresses() -> None:
    one = https("[a.com]").removesuffix("}") + ", bind: 10.0.0.1}"
    two = https("[a.com]").removesuffix("}") + ", bind: 10.0.0.2}"

    assert len(served(gateway("a", f"[{one}]"), gateway("b", f"[{two}]"))) == 2


def test_a_virtual_service_is_bound_with_the_narrower_of_each_pair_of_hosts() -> None:
    db = world(
        gateway("g", f"[{http(hosts=chr(34).join(['[', '*.a.com', ', ', 'x.b.com', ']']))}]"),
        virtual_service("v", '["www.a.com", "*.b.com", "c.com"]', "[istio-system/g]"),
    )
    (server,) = gateway_view(db, EDGE).servers

    assert [hosts for _, hosts in bound(db, server)] == [("www.a.com", "x.b.com")]


def test_a_servers_host_may_be_for_one_namespace_only() -> None:
    db = world(
        gateway("g", f"[{http(hosts=chr(34).join(['[', 'team/*.a.com', ', ', './own.com', ']']))}]"),
        virtual_service("team", "[www.a.com, own.com]", "[istio-system/g]", namespace="team"),
        virtual_service("other", "[api.a.com]", "[istio-system/g]"),
        virtual_service("own", "[own.com]", "[g]", namespace="istio-system"),
    )
    (server,) = gateway_view(db, EDGE).servers

    assert [(key.name, hosts) for key, hosts in bound(db, server)] == [("own", ("own.com",)), ("team", ("www.a.com",))]


def test_a_virtual_service_for_the_mesh_only_is_not_bound() -> None:
    db = world(gateway("g", f"[{http()}]"), virtual_service("v", "[a.com]", "[mesh]"))
    (server,) = gateway_view(db, EDGE).servers

    assert bound(db, server) == ()


@pytest.mark.parametrize(
    ("server", "reason"),
    [
        (http(0), "is no port"),
        (http(70000), "is no port"),
        (http(15021), "the proxy's own"),
        (http().removesuffix("}") + ", bind: nonsense}", "is no address"),
        ("{port: {number: 53, name: dns, protocol: UDP}, hosts: [a.com]}", "UDP"),
        ("{port: {number: 443, name: h, protocol: HTTPS}, hosts: [a.com]}", "needs a tls block"),
        (https('["a.*"]'), "cannot be told apart"),
        ("{port: {number: 443, name: h, protocol: HTTPS}, hosts: [a.com], tls: {mode: SIMPLE}}", "credentialName"),
        (https("[a.com]", more=", minProtocolVersion: TLSV1_3, maxProtocolVersion: TLSV1_2"), "is above"),
        (https("[a.com]", more=", verifyCertificateHash: [x]"), "verifyCertificateHash"),
    ],
)
def test_a_server_that_envoy_would_refuse_costs_only_itself(server: str, reason: str) -> None:
    db = world(gateway("g", f"[{server}, {http(8081)}]"))
    (finding,) = gateway_findings(db, EDGE)

    assert [one.port for one in gateway_view(db, EDGE).servers] == [8081]
    assert reason in finding.message
