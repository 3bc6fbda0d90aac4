"""What a tenant may write must not raise here, and must not be refused by Envoy there: one bad object costs no other
one.

Envoy refuses a listener as a whole, and some things it does not even survive, so each of these is tried with the real
one.
"""

from pathlib import Path

import pytest

from lateen.engine import Database
from lateen.mesh.gateways import gateway_view
from lateen.mesh.node import ProxyNode
from lateen.xds.discovery import wanted
from lateen.xds.encode import CLUSTER, LISTENER, ROUTE
from tests.mesh.test_authn import policy as peer_authentication
from tests.mesh.test_authz import authorization
from tests.mesh.test_gateways import gateway, virtual_service
from tests.mesh.world import router, sidecar, world
from tests.xds.envoy import refusal
from tests.xds.reading import by_name
from tests.xds.test_access_log import mesh

WEB = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: default}\n"
SPEC = "spec: {clusterIP: 10.96.0.1, selector: {app: client}, ports: %s}\n"


def verdict(db: Database, node: ProxyNode, folder: Path) -> str:
    """Envoy's objection to what the proxy would get."""
    listeners = by_name(wanted(db, node, LISTENER, None))
    clusters = by_name(wanted(db, node, CLUSTER, None))
    own = [one for name, one in listeners.items() if name == "virtualInbound" or node.type == "router"]
    inbound = [one for name, one in clusters.items() if name.lower().startswith("inbound")]
    return refusal(own, inbound, folder, ["BlackHoleCluster"])


@pytest.mark.parametrize(
    "ports",
    [
        "[{port: -1}]",
        "[{port: 70000}]",
        *(f"[{{port: 80, targetPort: {port}}}]" for port in (0, -5, 99999, 15006)),
        "[{name: http, port: 80, targetPort: 8080}, {name: tcp, port: 81, targetPort: 8080}]",
    ],
)
def test_ports_of_a_service(ports: str, tmp_path: Path) -> None:
    assert verdict(world(WEB + SPEC % ports), sidecar(), tmp_path) == ""


PATHS = ("/a/{**}/b", "/a/{x}", "{*}", "", "*", "/a/{*}b", "/a b/{*}", "/" + "{*}/" * 120, "/" + "{*}/" * 200)
KEYS = (
    "request.headers[]",
    "request.headers[a\\nb]",
    "request.headers[a b]",
    "request.auth.claims",
    "request.auth.claims[]",
    "request.auth.claims[a][]",
    "experimental.envoy.filters.a",
    "experimental.envoy.filters.a[]",
    "experimental.envoy.filters.[b]",
    "connection.sni",
    "no.such.attribute",
)
SOURCES = ("namespaces", "principals", "serviceAccounts", "trustDomains", "requestPrincipals")
LONG = ("a*" * 500, "x" * 1000, "(((((" * 100, "", "*", "a\\u0000b")


def rules() -> list[str]:
    """Rules of policies, each odd in one way."""
    return [
        *(f'{{to: [{{operation: {{paths: ["{path}"]}}}}]}}' for path in PATHS),
        *(f'{{when: [{{key: "{key}", values: [x, ""]}}]}}' for key in KEYS),
        *(f'{{from: [{{source: {{{field}: ["{text}"]}}}}]}}' for field in SOURCES for text in LONG),
        *(f'{{from: [{{source: {{ipBlocks: ["{block}"]}}}}]}}' for block in ("10.0.0.0/40", "::1/64", "x", "")),
        "{from: [{}], to: [{}], when: []}",
    ]


@pytest.mark.parametrize("action", ["ALLOW", "DENY"])
def test_rules_of_policies(action: str, tmp_path: Path) -> None:
    policy = authorization("p", "default", f"{{action: {action}, rules: [{', '.join(rules())}]}}")

    assert (
        verdict(world(WEB + SPEC % "[{name: http, port: 80}, {name: tcp, port: 81}]", policy), sidecar(), tmp_path)
        == ""
    )


def test_ports_of_a_peer_authentication(tmp_path: Path) -> None:
    ports = "{99999: {mode: DISABLE}, -1: {mode: STRICT}, 0: {mode: STRICT}, x: {}, 15006: {mode: DISABLE}}"
    text = peer_authentication(
        "p", "default", f"{{selector: {{matchLabels: {{app: client}}}}, portLevelMtls: {ports}}}"
    )

    assert verdict(world(text), sidecar(), tmp_path) == ""


@pytest.mark.parametrize(
    "settings",
    [
        "protocolDetectionTimeout: soon",
        "protocolDetectionTimeout: -5s",
        "connectTimeout: 0s",
        'accessLogFile: /dev/stdout\naccessLogFormat: "%NOPE%"',
        'accessLogFile: /dev/stdout\naccessLogFormat: "%REQ("',
        """accessLogFile: /dev/stdout\naccessLogEncoding: JSON\naccessLogFormat: '{"a": 1e400}'""",
        "meshMTLS: {cipherSuites: [nope], ecdhCurves: [nope]}",
        "trustDomain: ''",
    ],
)
def test_mesh_config(settings: str, tmp_path: Path) -> None:
    assert verdict(mesh(settings), sidecar(), tmp_path) == ""


SERVERS = (
    '{port: {number: -1, name: h, protocol: HTTP}, hosts: ["*"]}',
    '{port: {number: 70000, name: h, protocol: HTTP}, hosts: ["*"]}',
    '{port: {number: 80, name: h, protocol: HTTP}, hosts: ["*", "*.a.com", "a.*", "", "x/", "/y", "a/b/c"]}',
    '{port: {number: 80, name: h, protocol: HTTP}, bind: nonsense, hosts: ["*"]}',
    '{port: {number: 80, name: h, protocol: WHAT}, hosts: ["*"]}',
    "{port: {number: 80, name: h, protocol: HTTP}, hosts: []}",
    '{port: {number: 443, name: h, protocol: HTTPS}, hosts: ["*a.com"], tls: {mode: SIMPLE, credentialName: c}}',
    '{port: {number: 443, name: h, protocol: HTTPS}, hosts: ["*"], tls: {mode: SIMPLE}}',
    '{port: {number: 443, name: h, protocol: TLS}, hosts: ["*"], tls: {mode: PASSTHROUGH}}',
)


@pytest.mark.parametrize("hosts", ['["*.a.com"]', '["a.com", "A.com"]', '["*"]', '[""]'])
def test_servers_of_a_gateway(hosts: str, tmp_path: Path) -> None:
    node = router(LABELS={"app": "edge"})
    for server in SERVERS:
        db = world(gateway("g", f"[{server}]"), virtual_service("v", hosts, "[istio-system/g]"))
        names = tuple(sorted({one.route_name for one in gateway_view(db, node).servers if one.route_name}))
        wanted(db, node, ROUTE, names)

        assert verdict(db, node, tmp_path) == "", server
