"""Users meet findings where they act: when they apply something, and in the control plane's log."""

import logging
from typing import Any

import pytest

from lateen.adapters.clock import SYSTEM
from lateen.app.controlplane_findings import FindingsLog, judged
from lateen.controlplane.plane import ControlPlane
from lateen.xds.discovery import wanted
from tests.mesh.world import changes, remove, world

CUSTOM = {
    "apiVersion": "security.istio.io/v1",
    "kind": "AuthorizationPolicy",
    "metadata": {"name": "ask", "namespace": "default"},
    "spec": {"action": "CUSTOM", "provider": {"name": "nobody"}, "rules": [{}]},
}
TUNNEL = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web}
spec: {host: web, trafficPolicy: {tunnel: {targetHost: a, targetPort: 1}}}
"""
CONFIG = """
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: "{proxyHttpPort: 80}"}
"""


def test_what_the_mesh_lacks_is_a_warning_and_nothing_is_applied() -> None:
    """The provider may come later, so the policy is let in; the question leaves no trace."""
    db = world()
    before = dict(db.runs)
    (finding,) = judged(db, CUSTOM)

    assert (finding.severity, finding.path) == ("warning", "spec.provider")
    assert "no extension provider 'nobody'" in finding.message
    assert db.runs != before
    assert [key for table in db.stores if table.name == "resources" for key in db.keys(table)] == []


def test_an_object_that_exists_stays_as_it_is() -> None:
    db = world(TUNNEL)
    kept = [(table, key, db.get(table, key)) for table in list(db.stores) for key in db.keys(table)]
    (changed,) = [finding for finding in judged(db, rule(host="other")) if finding.severity == "warning"]

    assert changed.path == "spec.trafficPolicy.tunnel"
    assert [(table, key, db.get(table, key)) for table, key, _ in kept] == kept


def rule(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {"host": "web", "trafficPolicy": {"tunnel": {"targetHost": "a", "targetPort": 1}}, **spec},
    }


def test_what_is_wrong_with_the_object_itself_refuses_it() -> None:
    assert any(finding.severity == "error" for finding in judged(world(), rule(host="")))


def test_the_log_tells_each_finding_once(caplog: pytest.LogCaptureFixture) -> None:
    control = ControlPlane(world(CONFIG), wanted)
    findings = FindingsLog(control, SYSTEM)
    with caplog.at_level(logging.INFO, "lateen.findings"):
        findings.look()
        findings.look()
        control.apply(changes(TUNNEL))
        findings.look()
        remove(control.db, "DestinationRule", "web")
        findings.look()
        control.apply(changes(TUNNEL))
        findings.look()

    assert [record.message.split(": is not")[0] for record in caplog.records] == [
        "ConfigMap istio-system/istio: data.mesh.proxyHttpPort",
        "DestinationRule default/web: spec.trafficPolicy.tunnel",
        "DestinationRule default/web: spec.trafficPolicy.tunnel",
    ]
