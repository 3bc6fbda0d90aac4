"""Policies that do not do what they seem to."""

from lateen.mesh.authz_findings import authz_findings
from tests.mesh.test_authn import MESH_STRICT
from tests.mesh.test_authz import authorization, key
from tests.mesh.world import world

DENY_BY_NAME = authorization("p", "default", "{action: DENY, rules: [{from: [{source: {namespaces: [bad]}}]}]}")


def codes(*texts: str) -> list[str]:
    return [finding.code for finding in authz_findings(world(*texts), key("p"))]


def test_hostile_33_a_deny_by_identity_does_not_stop_callers_without_one() -> None:
    assert codes(DENY_BY_NAME) == ["AuthorizationNeedsMutualTLS"]
    assert codes(DENY_BY_NAME, MESH_STRICT) == []


def test_a_deny_of_everybody_but_some_stops_callers_without_identity_too() -> None:
    spec = '{action: DENY, rules: [{from: [{source: {notPrincipals: ["*"]}}]}]}'

    assert codes(authorization("p", "default", spec)) == []


def test_a_custom_policy_without_its_provider_is_an_error() -> None:
    (finding,) = authz_findings(
        world(authorization("p", "default", "{action: CUSTOM, provider: {name: gone}, rules: [{}]}")), key("p")
    )

    assert (finding.severity, finding.path) == ("error", "spec.provider")
    assert "'gone'" in finding.message
