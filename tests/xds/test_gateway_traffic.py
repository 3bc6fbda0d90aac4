"""What a real gateway answers: by host, by the name in the client's hello, with the certificate of a Secret."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret
from google.protobuf.any_pb2 import Any
from google.protobuf.json_format import MessageToDict

from lateen.engine import Database
from lateen.mesh.node import ProxyNode, parse_node
from lateen.xds.discovery import wanted
from lateen.xds.encode import SECRET
from tests.mesh.test_gateways import gateway, http, https
from tests.mesh.world import endpoints_of, service, world
from tests.xds.dataplane import DataPlane, Offline, Pod, data_plane, eventually
from tests.xds.test_secrets import kubernetes, pair
from tests.xds.test_security_traffic import STRICT, node_of

pytestmark = pytest.mark.root

GATEWAY_POD = """\
apiVersion: v1
kind: Pod
metadata: {name: edge, namespace: istio-system, labels: {app: edge}}
spec: {serviceAccountName: edge, containers: [{name: istio-proxy, image: x}]}
"""
EDGE_SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: edge, namespace: istio-system}
spec:
  clusterIP: 10.96.0.9
  selector: {app: edge}
  ports: [{name: http2, port: 80, targetPort: 8080}, {name: https, port: 443, targetPort: 8443}]
"""
ROUTES = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: default}
spec:
  hosts: ["*.foobar.com"]
  gateways: [istio-system/edge]
  http:
  - match: [{uri: {prefix: /v2}}]
    route: [{destination: {host: v2, port: {number: 80}}}]
  - route: [{destination: {host: web.default.svc.cluster.local, port: {number: 80}}}]
"""
CHAIN, KEY = pair("www.foobar.com")


def quoted(text: str) -> str:
    return f'["{text}"]'


CONFIGURATION = (
    GATEWAY_POD,
    EDGE_SERVICE,
    ROUTES,
    gateway("edge", f"[{http(80, quoted('*.foobar.com'))}, {https(quoted('*.foobar.com'), 443)}]"),
    kubernetes("cert", tls_crt=CHAIN, tls_key=KEY),
    service("web", "http:80", ip="10.96.0.5"),
    endpoints_of("web", "http:8080", "10.1.0.1"),
)


def edge_node(address: str) -> ProxyNode:
    metadata = {
        "NAMESPACE": "istio-system",
        "NAME": "edge",
        "PROXY_FLAVOUR": "stock",
        "LABELS": {"app": "edge"},
        "SERVICE_ACCOUNT": "edge",
    }
    return parse_node(
        {"id": f"router~{address}~edge.istio-system~istio-system.svc.cluster.local", "metadata": metadata}
    )


def secret_files(db: Database, node: ProxyNode, folder: Path, *names: str) -> dict[str, str]:
    """Files that hold what the control plane would answer for these secrets."""
    files = {}
    for number, encoded in enumerate(wanted(db, node, SECRET, names)):
        secret = Secret.FromString(Any.FromString(encoded.any_bytes).value)
        path = folder / f"credential-{number}.json"
        typed = {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
            **MessageToDict(secret),
        }
        path.write_text(json.dumps({"resources": [typed]}))
        files[encoded.name] = str(path)
    return files


def start_gateway(plane: DataPlane, pod: Pod, db: Database, node: ProxyNode) -> None:
    """An Envoy with what `node` wants, and no redirection: a gateway listens where its servers say."""
    secrets = plane.secrets(pod, node) | secret_files(db, node, plane.folder, "kubernetes://cert")
    config = plane.folder / "edge.json"
    config.write_text(json.dumps(Offline(db, node, secrets).bootstrap()))
    envoy = str(Path(sys.executable).parent / "envoy")
    identity = ("setpriv", "--reuid", "1337", "--clear-groups")
    pod.start(*identity, envoy, "-c", str(config), "-l", "warning", "--concurrency", "1", "--use-dynamic-base-id")
    eventually(lambda: pod.get("http://127.0.0.1:15000/ready")[1].strip() == "LIVE")


@pytest.fixture(scope="module")
def plane() -> Iterator[DataPlane]:
    """A gateway, a server behind it that wants mutual TLS, and a client outside."""
    with data_plane() as made:
        server = made.pod("web", "10.1.0.1")
        made.app(server, 8080)
        made.proxy(world(*CONFIGURATION[-2:], STRICT % ""), server, node_of("web", server.address, "web"))
        edge = made.pod("edge", "10.3.0.1")
        start_gateway(made, edge, world(*CONFIGURATION), edge_node(edge.address))
        made.pod("out", "10.4.0.1")
        (made.folder / "ca.crt").write_bytes(CHAIN)
        yield made


HTTP, HTTPS = "http://10.3.0.1:8080", "https://www.foobar.com:8443"


def test_a_known_host_is_served_over_mutual_tls_behind(plane: DataPlane) -> None:
    status, body = plane.pods["out"].get(f"{HTTP}/headers", "-H", "host: www.foobar.com")
    headers = json.loads(body)["headers"]

    assert status == 200
    assert "URI=spiffe://cluster.local/ns/istio-system/sa/edge" in headers["x-forwarded-client-cert"]
    assert headers["x-forwarded-for"] == "10.4.0.1"


@pytest.mark.parametrize("host", ["10.3.0.1", "foobar.com", "www.elsewhere.com"])
def test_an_unknown_host_is_answered_404(plane: DataPlane, host: str) -> None:
    assert plane.pods["out"].get(f"{HTTP}/", "-H", f"host: {host}")[0] == 404


def test_hostile_35_the_host_may_have_a_port_and_any_case(plane: DataPlane) -> None:
    assert plane.pods["out"].get(f"{HTTP}/", "-H", "host: WWW.FooBar.com:8080")[0] == 200


def test_hostile_37_a_callers_claim_about_certificates_is_thrown_away(plane: DataPlane) -> None:
    forged = ("-H", "host: www.foobar.com", "-H", "x-forwarded-client-cert: URI=spiffe://cluster.local/ns/x/sa/admin")

    assert "admin" not in plane.pods["out"].get(f"{HTTP}/headers", *forged)[1]


def test_https_shows_the_certificate_of_the_secret(plane: DataPlane) -> None:
    trust = ("--cacert", str(plane.folder / "ca.crt"), "--resolve", "www.foobar.com:8443:10.3.0.1")

    assert plane.pods["out"].get(f"{HTTPS}/", *trust)[0] == 200


def test_a_name_that_no_server_has_gets_no_handshake(plane: DataPlane) -> None:
    where = ("-k", "--resolve", "other.com:8443:10.3.0.1")

    assert plane.pods["out"].get("https://other.com:8443/", *where)[0] == 0


def test_a_destination_that_does_not_exist_is_503(plane: DataPlane) -> None:
    assert plane.pods["out"].get(f"{HTTP}/v2", "-H", "host: www.foobar.com")[0] == 503
