"""What there is to say: refusals of proxies, gateways that cannot serve, objects before they are applied."""

from lateen.controlplane.findings import all_findings, findings_if_applied, refusal_findings
from lateen.controlplane.holding import Refusal
from lateen.controlplane.plane import REFUSALS, RefusalKey
from lateen.engine import Database, Set
from lateen.mesh.node import PROXIES
from lateen.xds.encode import LISTENER
from tests.mesh.test_gateway_credentials import EDGE, pod
from tests.mesh.test_gateways import gateway, http, https
from tests.mesh.world import resources, world


def refused_by(*pods: str) -> Database:
    db = Database()
    refusal = Refusal(LISTENER, "0.0.0.0_80", "1", "no such filter")
    keys = [RefusalKey(f"sidecar~10.0.0.1~{pod}~x", LISTENER, "0.0.0.0_80") for pod in pods]
    db.apply(Set(REFUSALS, key, refusal) for key in keys)
    return db


def test_one_finding_however_many_proxies_refuse() -> None:
    (finding,) = refusal_findings(refused_by("a.b", "c.d"))
    assert finding.message == "Listener '0.0.0.0_80' was refused by a.b, c.d: no such filter"
    assert (finding.code, finding.severity) == ("LTN0401", "error")


def test_some_of_many_proxies_are_named() -> None:
    (finding,) = refusal_findings(refused_by(*"abcdef"))
    assert "refused by a, b, c and 3 more:" in finding.message


def edge_mesh(*texts: str) -> Database:
    """A gateway pod, connected."""
    db = world(pod("{app: edge}"), *texts)
    db.apply([Set(PROXIES, EDGE.id, EDGE)])
    return db


TAKEN = gateway("older", f"[{http()}]", created="2025-01-01T00:00:00Z")
CONFLICT = gateway("newer", "[{port: {number: 8080, name: tcp, protocol: TCP}, hosts: ['*']}]")


def test_a_server_that_no_running_gateway_can_serve_is_named() -> None:
    found = [finding for finding in all_findings(edge_mesh(TAKEN, CONFLICT)) if finding.code == "GatewayServer"]

    assert [(str(finding.resource), finding.path) for finding in found] == [
        ("Gateway istio-system/newer", "spec.servers[0]")
    ]


def test_a_credential_that_is_no_certificate_is_named() -> None:
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: cert, namespace: istio-system}\ndata: {}\n"
    found = all_findings(edge_mesh(gateway("g", f"[{https('[a.com]')}]"), secret))

    assert [(str(finding.resource), finding.path) for finding in found] == [("Secret istio-system/cert", "data")]


def test_what_would_be_said_is_said_before_the_gateway_is_there() -> None:
    db = edge_mesh(TAKEN)
    (resource,) = resources(CONFLICT)

    assert [finding.code for finding in findings_if_applied(db, resource)] == ["GatewayServer"]
    assert all_findings(db) == ()
