"""Gateways that serve nothing."""

from lateen.mesh.gateways_findings import gateway_object_findings
from lateen.resources.model import ResourceKey
from tests.mesh.test_gateway_credentials import pod
from tests.mesh.test_gateways import gateway, http, https
from tests.mesh.world import world

KEY = ResourceKey("Gateway", "istio-system", "g")
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: cert, namespace: istio-system}\n"


def paths(*texts: str) -> list[str]:
    return [finding.path for finding in gateway_object_findings(world(*texts), KEY)]


def test_a_selector_that_matches_nothing() -> None:
    assert paths(gateway("g", f"[{http()}]")) == ["spec.selector"]
    assert paths(gateway("g", f"[{http()}]"), pod("{app: edge}")) == []


def test_a_credential_that_does_not_exist_where_the_gateway_runs() -> None:
    texts = (gateway("g", f"[{https('[a.com]')}]"), pod("{app: edge}"))

    assert paths(*texts) == ["spec.servers[0].tls.credentialName"]
    assert paths(*texts, SECRET) == []


def test_a_mode_that_is_not_honoured_yet() -> None:
    server = "{port: {number: 15443, name: tls, protocol: TLS}, hosts: ['*.local'], tls: {mode: AUTO_PASSTHROUGH}}"

    assert paths(gateway("g", f"[{server}]"), pod("{app: edge}")) == ["spec.servers[0].tls.mode"]
