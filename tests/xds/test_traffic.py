"""What real requests see through two real sidecars: routing, resilience, mutual TLS."""

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from lateen.mesh.node import ProxyNode, parse_node
from tests.mesh.world import endpoints_of, service, world
from tests.xds.dataplane import DataPlane, Pod, data_plane, eventually

pytestmark = pytest.mark.root

SERVICE = service("web", "http:80 9000 tcp-raw:5000", ip="10.96.0.5")
PODS = (
    endpoints_of("web", "http:8080", "10.1.0.1").replace("web-v1\n", "web-v1-http\n"),
    endpoints_of("web", "http:8080", "10.1.0.2", version="v2").replace("web-v2\n", "web-v2-http\n"),
    endpoints_of("web", ":9000", "10.1.0.1"),
    endpoints_of("web", "tcp-raw:5000", "10.1.0.1").replace("web-v1\n", "web-v1-raw\n"),
)
STRICT = """
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default}
spec: {mtls: {mode: STRICT}}
"""
PEERS = (
    service("peers", "9000 tcp-raw:5000", ip="None"),
    endpoints_of("peers", ":9000", "10.1.0.1", "10.1.0.2"),
    endpoints_of("peers", "tcp-raw:5000", "10.1.0.1", "10.1.0.2").replace("peers-v1\n", "peers-v1-raw\n"),
)
HEADLESS = tuple(text.replace("serviceAccountName: peers", "serviceAccountName: web") for text in PEERS)
SUBSETS = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web}
spec:
  host: web
  trafficPolicy: %s
  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]
"""
ROUTES = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web}
spec: {hosts: [web], http: %s}
"""
URL = "http://10.96.0.5"


def sidecar_of(name: str, address: str, app: str) -> ProxyNode:
    """The node of a pod's sidecar."""
    labels = {"app": app, "version": name, "security.istio.io/tlsMode": "istio"}
    metadata = {"NAMESPACE": "default", "PROXY_FLAVOUR": "stock", "LABELS": labels, "SERVICE_ACCOUNT": app}
    return parse_node({"id": f"sidecar~{address}~{name}.default~default.svc.cluster.local", "metadata": metadata})


class Mesh:
    """Two servers, v1 and v2, and clients made for each configuration."""

    def __init__(self, plane: DataPlane) -> None:
        self.plane = plane
        self.clients = 0
        for name, address in (("v1", "10.1.0.1"), ("v2", "10.1.0.2")):
            pod = plane.pod(name, address)
            plane.app(pod, 8080, 9000, 5000)
            plane.proxy(world(SERVICE, *PODS), pod, sidecar_of(name, address, "web"))

    def client(self, *configuration: str) -> Pod:
        """A pod whose sidecar has this configuration beside the service."""
        self.clients += 1
        name, address = f"c{self.clients}", f"10.2.0.{self.clients}"
        pod = self.plane.pod(name, address)
        self.plane.proxy(world(SERVICE, *PODS, *configuration), pod, sidecar_of(name, address, "client"))
        return pod


@pytest.fixture(scope="module")
def mesh() -> Iterator[Mesh]:
    with data_plane() as plane:
        yield Mesh(plane)


def pods_that_answer(client: Pod, count: int, *arguments: str) -> Counter[str]:
    """How often which pod answered."""
    return Counter(json.loads(client.get(f"{URL}/", *arguments)[1]) for _ in range(count))


def test_a_service_without_rules_is_balanced_over_mutual_tls(mesh: Mesh) -> None:
    """Both pods answer; the connections are TLS on both sides; short names and the address lead there."""
    client = mesh.client()

    assert set(pods_that_answer(client, 12)) == {"v1", "v2"}
    assert client.get(f"{URL}/", "-H", "host: web.default")[0] == 200
    assert sum(client.stats("outbound.80.*web.*ssl.handshake").values()) >= 2


def test_the_server_learns_who_called(mesh: Mesh) -> None:
    """The request carries the client's identity, checked by the server's sidecar."""
    _, body = mesh.client().get(f"{URL}/headers")

    assert "URI=spiffe://cluster.local/ns/default/sa/client" in json.loads(body)["headers"]["x-forwarded-client-cert"]


def test_a_port_without_a_protocol_is_detected(mesh: Mesh) -> None:
    """HTTP on an unnamed port is parsed on both sides: the server adds its headers too."""
    status, body = mesh.client().get(f"{URL}:9000/headers")

    assert status == 200
    assert "x-forwarded-client-cert" in json.loads(body)["headers"]


def test_a_tcp_port_carries_bytes(mesh: Mesh) -> None:
    """On a port declared as TCP nothing is parsed: no header is added, and the connection is still TLS."""
    client = mesh.client()
    status, body = client.get(f"{URL}:5000/headers")

    assert status == 200
    assert "x-request-id" not in json.loads(body)["headers"]
    assert sum(client.stats("outbound.5000.*web.*ssl.handshake").values()) == 1


def test_weights_and_headers_choose_subsets(mesh: Mesh) -> None:
    """80 to 20 without the header, always v2 with it."""
    rules = """[
      {match: [{headers: {test-version: {exact: v2}}}], route: [{destination: {host: web, subset: v2}}]},
      {route: [{destination: {host: web, subset: v1}, weight: 80},
               {destination: {host: web, subset: v2}, weight: 20}]}]"""
    client = mesh.client(SUBSETS % "{loadBalancer: {simple: ROUND_ROBIN}}", ROUTES % rules)
    spread = pods_that_answer(client, 60)

    assert pods_that_answer(client, 5, "-H", "test-version: v2") == {"v2": 5}
    assert 35 <= spread["v1"] <= 58


def test_a_timeout_answers_for_the_server(mesh: Mesh) -> None:
    """504 with Envoy's text after the route's timeout."""
    client = mesh.client(ROUTES % "[{timeout: 0.3s, route: [{destination: {host: web}}]}]")

    assert client.get(f"{URL}/sleep/5") == (504, "upstream request timeout")


def test_retries_hide_a_failure(mesh: Mesh) -> None:
    """`attempts: 2` on 503 means three requests."""
    retries = "[{retries: {attempts: 2, retryOn: '503'}, route: [{destination: {host: web}}]}]"
    client = mesh.client(ROUTES % retries)
    client.get(f"{URL}/status/503")

    assert client.stats("outbound.80.*web.*upstream_rq_retry$").popitem()[1] == 2


def test_faults_redirects_and_answers(mesh: Mesh) -> None:
    """An abort, a redirect, a fixed answer and a rewrite, side by side."""
    rules = """[
      {match: [{uri: {prefix: /fault}}], fault: {abort: {httpStatus: 418, percentage: {value: 100}}},
       route: [{destination: {host: web}}]},
      {match: [{uri: {exact: /old}}], redirect: {uri: /new}},
      {match: [{uri: {exact: /fixed}}], directResponse: {status: 203, body: {string: fixed}}},
      {match: [{uri: {prefix: /public/}}], rewrite: {uri: /}, headers: {request: {set: {x-set: "1"}}},
       route: [{destination: {host: web}, headers: {response: {add: {x-pod: there}}}}]},
      {match: [{uri: {prefix: /nowhere}}], route: [{destination: {host: nobody}}]},
      {match: [{uri: {prefix: /nosubset}}], route: [{destination: {host: web, subset: none}}]},
      {match: [{uri: {regex: "/r[0-9]+"}}], route: [{destination: {host: web}}]}]"""
    client = mesh.client(ROUTES % rules)
    status, body = client.get(f"{URL}/public/headers")

    assert client.get(f"{URL}/fault")[0] == 418
    assert "location: http://10.96.0.5/new" in client.get(f"{URL}/old", "-i")[1].replace("\r", "")
    assert client.get(f"{URL}/fixed") == (203, "fixed")
    assert (status, json.loads(body)["path"], json.loads(body)["headers"]["x-set"]) == (200, "/headers", "1")
    assert "x-pod: there" in client.get(f"{URL}/public/", "-i")[1]
    assert client.get(f"{URL}/nowhere")[0] == 503
    assert client.get(f"{URL}/nosubset")[0] == 503
    assert client.get(f"{URL}/r12")[0] == 200
    assert client.get(f"{URL}/other")[0] == 404


def test_connections_are_limited(mesh: Mesh) -> None:
    """With `maxConnections: 5` and eight requests at once, three wait for a connection and run into the timeout."""
    rules = "[{timeout: 1.2s, route: [{destination: {host: web, subset: v2}}]}]"
    client = mesh.client(SUBSETS % "{connectionPool: {tcp: {maxConnections: 5}}}", ROUTES % rules)
    with ThreadPoolExecutor(8) as pool:
        found = Counter(pool.map(lambda _: client.get(f"{URL}/sleep/0.9")[0], range(8)))

    assert found == {200: 5, 504: 3}


def test_failing_endpoints_are_left_out_and_come_back(mesh: Mesh) -> None:
    """After three errors there is no healthy upstream; after the ejection time there is again."""
    policy = """{outlierDetection: {consecutive5xxErrors: 3, interval: 100ms, baseEjectionTime: 1s,
      maxEjectionPercent: 100}}"""
    rules = "[{retries: {attempts: 0}, route: [{destination: {host: web, subset: v2}}]}]"
    client = mesh.client(SUBSETS % policy, ROUTES % rules)
    errors = [client.get(f"{URL}/status/500")[0] for _ in range(3)]

    assert errors == [500, 500, 500]
    assert client.get(f"{URL}/") == (503, "no healthy upstream")
    eventually(lambda: client.get(f"{URL}/")[0] == 200)


def test_mirrors_get_a_copy(mesh: Mesh) -> None:
    """The client is answered by v1, and v2 sees the request too."""
    rules = "[{route: [{destination: {host: web, subset: v1}}], mirrors: [{destination: {host: web, subset: v2}}]}]"
    client = mesh.client(SUBSETS % "{loadBalancer: {simple: ROUND_ROBIN}}", ROUTES % rules)

    assert json.loads(client.get(f"{URL}/mirrored")[1]) == "v1"
    eventually(lambda: "app /mirrored" in mesh.plane.pods["v2"].log())


def test_pods_of_a_headless_service_are_called_by_their_addresses(mesh: Mesh) -> None:
    """A detected and a TCP port, each pod at its own address, in mutual TLS because all of them have a sidecar."""
    client = mesh.client(*HEADLESS, STRICT)

    assert [json.loads(client.get(f"http://10.1.0.{number}:9000/")[1]) for number in (1, 2)] == ["v1", "v2"]
    assert "x-forwarded-client-cert" in client.get("http://10.1.0.2:9000/headers")[1]
    assert json.loads(client.get("http://10.1.0.2:5000/")[1]) == "v2"
    assert sum(client.stats("outbound.(9000|5000).*peers.*ssl.handshake").values()) >= 3


def test_a_server_with_another_identity_is_refused(mesh: Mesh) -> None:
    """The pods that the service selects run as `peers`, but whoever answers has a certificate of `web`."""
    status, body = mesh.client(*PEERS).get("http://10.1.0.1:9000/")

    assert (status, "upstream connect error" in body) == (503, True)


def test_mutual_tls_can_be_switched_off_on_both_sides(mesh: Mesh) -> None:
    """PeerAuthentication DISABLE, as clients see it: plaintext to a server that takes both."""
    client = mesh.client(STRICT.replace("STRICT", "DISABLE"))

    assert client.get(f"{URL}/")[0] == 200
    assert sum(client.stats("outbound.80.*web.*ssl.handshake").values()) == 0


def test_a_hash_keeps_a_user_at_one_pod(mesh: Mesh) -> None:
    """Requests with the same header go to the same pod, whichever it is; many users are spread."""
    client = mesh.client(SUBSETS % "{loadBalancer: {consistentHash: {httpHeaderName: x-user}}}")
    found = {user: set(pods_that_answer(client, 4, "-H", f"x-user: {user}")) for user in range(12)}

    assert all(len(pods) == 1 for pods in found.values())
    assert set.union(*found.values()) == {"v1", "v2"}


def test_bytes_are_split_by_weight(mesh: Mesh) -> None:
    """A TCP rule of a VirtualService sends connections to another service."""
    rules = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: bytes}
spec: {hosts: [web], tcp: [{match: [{port: 5000}], route: [{destination: {host: elsewhere, port: {number: 5000}}}]}]}
"""
    elsewhere = service("elsewhere", "tcp-raw:5000", ip="10.96.0.6")
    pods = endpoints_of("elsewhere", "tcp-raw:5000", "10.1.0.2").replace("tlsMode: istio", "tlsMode: disabled")

    assert json.loads(mesh.client(rules, elsewhere, pods).get(f"{URL}:5000/")[1]) == "v2"


def test_unknown_hosts_pass_or_are_refused(mesh: Mesh) -> None:
    """ALLOW_ANY reaches an address that nobody declared; REGISTRY_ONLY answers 502 for HTTP and resets other bytes."""
    only = """
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: "outboundTrafficPolicy: {mode: REGISTRY_ONLY}"}
"""
    stranger = mesh.plane.pod("x", "10.3.0.1")
    mesh.plane.app(stranger, 80, 7777)
    free, bound = mesh.client(), mesh.client(only)

    assert [free.get(f"http://10.3.0.1{port}/")[0] for port in ("", ":7777")] == [200, 200]
    assert [bound.get(f"http://10.3.0.1{port}/")[0] for port in ("", ":7777")] == [502, 0]
    assert bound.get(f"{URL}/")[0] == 200
