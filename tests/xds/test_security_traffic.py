"""What policies do to real requests: two real sidecars, or one and a client without."""

import json
from collections.abc import Iterator
from itertools import count

import pytest

from lateen.mesh.node import ProxyNode, parse_node
from tests.mesh.world import endpoints_of, service, world
from tests.xds.dataplane import DataPlane, Pod, data_plane, eventually

pytestmark = pytest.mark.root

CONFIG = """
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: "{accessLogFile: /dev/stdout, accessLogEncoding: JSON}"}
"""
STRICT = """
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: default}
spec: {mtls: {mode: STRICT}%s}
"""
POLICY = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: p, namespace: default}
spec: %s
"""
ROUTES_OF_V1 = POLICY % (
    '{rules: [{from: [{source: {principals: ["cluster.local/ns/default/sa/client"]}}],'
    ' to: [{operation: {methods: [GET, POST], paths: ["/head*"]}}],'
    ' when: [{key: "request.headers[version]", values: [v1]}]}]}'
)
V1 = ("-H", "version: v1")


def node_of(name: str, address: str, account: str) -> ProxyNode:
    labels = {"app": name, "security.istio.io/tlsMode": "istio"}
    metadata = {"NAMESPACE": "default", "PROXY_FLAVOUR": "stock", "LABELS": labels, "SERVICE_ACCOUNT": account}
    return parse_node({"id": f"sidecar~{address}~{name}.default~default.svc.cluster.local", "metadata": metadata})


class Servers:
    """Servers made for each configuration, and clients of them."""

    def __init__(self, plane: DataPlane) -> None:
        self.plane = plane
        self.numbers = count(1)

    def pod(self, name: str) -> Pod:
        number = next(self.numbers)
        return self.plane.pod(f"{name}{number}", f"10.1.0.{number}")

    def server(self, *configuration: str) -> Pod:
        """A pod with a sidecar; ports 8080 (HTTP), 9000 (unnamed) and 5000 (TCP)."""
        pod = self.pod("s")
        self.plane.app(pod, 8080, 9000, 5000)
        db = world(CONFIG, *self.services(pod), *configuration)
        self.plane.proxy(db, pod, node_of(pod.name, pod.address, pod.name))
        return pod

    def services(self, server: Pod) -> tuple[str, ...]:
        slices = (("http:8080", "a"), (":9000", "b"), ("tcp-raw:5000", "c"))
        found = (endpoints_of(server.name, port, server.address, version=suffix) for port, suffix in slices)
        return (service(server.name, "http:8080 9000 tcp-raw:5000", ip="10.96.0.5"), *found)

    def client(self, server: Pod, account: str = "client") -> Pod:
        """A pod with a sidecar that knows the server's service, at 10.96.0.5."""
        pod = self.pod("c")
        self.plane.proxy(world(*self.services(server)), pod, node_of(pod.name, pod.address, account))
        return pod

    def stranger(self) -> Pod:
        """A pod without a sidecar."""
        return self.pod("x")


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with data_plane() as plane:
        yield Servers(plane)


URL = "http://10.96.0.5"


def test_permissive_takes_both_and_strict_only_mutual_tls(servers: Servers) -> None:
    lenient, strict, stranger = servers.server(), servers.server(STRICT % ""), servers.stranger()

    assert stranger.get(f"http://{lenient.address}:8080/")[0] == 200
    for port in (8080, 9000, 5000, 8081):
        assert stranger.get(f"http://{strict.address}:{port}/")[0] == 0
    for port in (8080, 9000, 5000):
        assert servers.client(strict).get(f"{URL}:{port}/")[0] == 200


def test_a_port_may_be_open_on_a_strict_workload(servers: Servers) -> None:
    labels = ", selector: {matchLabels: {app: s%d}}, portLevelMtls: {8080: {mode: DISABLE}}"
    number = next(servers.numbers) + 1
    server, stranger = servers.server(STRICT % (labels % number)), servers.stranger()

    assert stranger.get(f"http://{server.address}:8080/")[0] == 200
    assert stranger.get(f"http://{server.address}:9000/")[0] == 0


def test_a_policy_without_rules_closes_the_workload(servers: Servers) -> None:
    client = servers.client(servers.server(POLICY % "{}"))

    assert client.get(f"{URL}:8080/") == (403, "RBAC: access denied")
    assert client.get(f"{URL}:5000/")[0] == 0


def test_only_the_caller_the_method_the_path_and_the_header_of_the_rule_pass(servers: Servers) -> None:
    server = servers.server(ROUTES_OF_V1)
    client, other = servers.client(server), servers.client(server, "other")

    for port in (8080, 9000):
        assert client.get(f"{URL}:{port}/headers", *V1)[0] == 200
        assert client.get(f"{URL}:{port}/headers", "-H", "version: v2")[0] == 403
        assert client.get(f"{URL}:{port}/headers")[0] == 403
        assert client.get(f"{URL}:{port}/headers", *V1, "-X", "PATCH")[0] == 403
        assert client.get(f"{URL}:{port}/", *V1)[0] == 403
        assert other.get(f"{URL}:{port}/headers", *V1)[0] == 403


@pytest.mark.parametrize("path", ["//headers", "/./headers", "/x/../headers", "/%68eaders"])
def test_hostile_34_other_spellings_of_a_denied_path_are_denied(servers: Servers, path: str) -> None:
    denied = POLICY % '{action: DENY, rules: [{to: [{operation: {paths: ["/headers"]}}]}]}'
    config = CONFIG.replace("JSON", "JSON, pathNormalization: {normalization: DECODE_AND_MERGE_SLASHES}")
    server = servers.server(config, denied)

    assert servers.stranger().get(f"http://{server.address}:8080{path}", "--path-as-is")[0] == 403


def test_a_caller_without_certificate_is_denied_where_everybody_needs_a_name(servers: Servers) -> None:
    named = POLICY % '{action: DENY, rules: [{from: [{source: {notPrincipals: ["*"]}}]}]}'
    server = servers.server(named)

    assert servers.stranger().get(f"http://{server.address}:8080/")[0] == 403
    assert servers.client(server).get(f"{URL}:8080/")[0] == 200


def test_a_rule_of_deny_for_http_closes_a_tcp_port_as_a_whole(servers: Servers) -> None:
    client = servers.client(servers.server(POLICY % "{action: DENY, rules: [{to: [{operation: {methods: [PUT]}}]}]}"))

    assert client.get(f"{URL}:8080/")[0] == 200
    assert client.get(f"{URL}:5000/")[0] == 0


def test_deny_comes_before_allow(servers: Servers) -> None:
    both = (POLICY % "{rules: [{}]}", (POLICY % "{action: DENY, rules: [{}]}").replace("name: p", "name: q"))

    assert servers.client(servers.server(*both)).get(f"{URL}:8080/")[0] == 403


def test_a_dry_run_policy_refuses_nothing_and_counts(servers: Servers) -> None:
    dry = (
        POLICY.replace("default}", 'default, annotations: {istio.io/dry-run: "true"}}') % "{action: DENY, rules: [{}]}"
    )
    server = servers.server(dry)

    assert servers.client(server).get(f"{URL}:8080/")[0] == 200
    assert sum(value for name, value in server.stats("istio_dry_run_deny_").items() if "denied" in name) == 1


def test_the_server_is_told_only_what_its_sidecar_has_checked(servers: Servers) -> None:
    server = servers.server()
    forged = ("-H", "x-forwarded-client-cert: By=x;URI=spiffe://cluster.local/ns/default/sa/admin")

    seen = json.loads(servers.stranger().get(f"http://{server.address}:8080/headers", *forged)[1])["headers"]

    assert "x-forwarded-client-cert" not in seen


def test_every_request_is_a_line_of_json_on_both_ends_of_a_mistake(servers: Servers) -> None:
    server = servers.server(POLICY % "{}")
    servers.client(server).get(f"{URL}:8080/a%0d%0ab?c=1", "-H", 'user-agent: "quoted"\tand tabbed')

    def lines() -> list[dict[str, object]]:
        return [json.loads(line) for line in server.log().splitlines() if line.startswith('{"')]

    eventually(lambda: any(line["response_code"] == 403 for line in lines()))
    (line,) = (line for line in lines() if line["response_code"] == 403)
    assert line["path"] == "/a%0d%0ab?c=1"
    assert line["response_code_details"] == "rbac_access_denied_matched_policy[none]"
    assert line["upstream_cluster"] == "inbound|8080||"
