"""RequestAuthentication: whose tokens a workload understands, and where the keys are."""

import pytest

from lateen.mesh.authn_jwt import keys_of, token_findings, token_policies, token_rules
from lateen.mesh.services import cluster_for
from lateen.mesh.uris import split_uri
from lateen.resources.model import ResourceKey
from tests.mesh.world import world

WEB = (("app", "web"),)
JWKS = '{"keys": [{"kty": "RSA", "n": "x", "e": "AQAB"}]}'


def authentication(name: str, rules: str, *, namespace: str = "default", selector: str = "") -> str:
    """A RequestAuthentication; `rules` is YAML in flow style."""
    head = "apiVersion: security.istio.io/v1\nkind: RequestAuthentication\n"
    return f"{head}metadata: {{name: {name}, namespace: {namespace}}}\nspec: {{{selector}jwtRules: {rules}}}\n"


def key(name: str, namespace: str = "default") -> ResourceKey:
    return ResourceKey("RequestAuthentication", namespace, name)


ENTRY = """\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: issuer, namespace: default}
spec: {hosts: [issuer.com], ports: [{number: 443, name: tls, protocol: TLS}], resolution: DNS}
"""
ORIGINATION = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: issuer, namespace: default}
spec: {host: issuer.com, trafficPolicy: {tls: {mode: SIMPLE}}}
"""


def test_policies_of_the_own_and_of_the_root_namespace_hold_together() -> None:
    db = world(
        authentication("web", "[{issuer: b}]", selector="selector: {matchLabels: {app: web}}, "),
        authentication("mesh", "[{issuer: a}]", namespace="istio-system"),
        authentication("other", "[{issuer: c}]", selector="selector: {matchLabels: {app: other}}, "),
        authentication("far", "[{issuer: d}]", namespace="far"),
    )

    found = token_policies(db, "default", WEB)

    assert found == (key("web"), key("mesh", "istio-system"))
    assert [rule.issuer for rule in token_rules(db, found)] == ["a", "b"]


@pytest.mark.parametrize(
    ("rule", "kind", "said"),
    [
        (f"{{issuer: i, jwks: '{JWKS}'}}", "inline", ""),
        ("{issuer: i, jwksUri: https://issuer.com/keys}", "remote", ""),
        ("{issuer: i}", "none", "neither"),
        ("{issuer: i, jwks: nonsense}", "none", "no JSON"),
        ("{issuer: i, jwks: '{\"keys\": []}'}", "none", "no keys"),
    ],
)
def test_where_the_keys_of_a_rule_are(rule: str, kind: str, said: str) -> None:
    db = world(ENTRY, ORIGINATION, authentication("p", f"[{rule}]"))
    (read,) = token_rules(db, (key("p"),))

    found = keys_of(db, read)

    assert found.kind == kind
    assert said in found.problem
    assert len(token_findings(db, key("p"))) == (1 if said else 0)


def test_https_needs_somebody_who_speaks_tls() -> None:
    policy = authentication("p", "[{issuer: i, jwksUri: https://issuer.com/keys}]")
    (finding,) = token_findings(world(ENTRY, policy), key("p"))

    assert "behind TLS" in finding.message


def test_a_host_of_two_namespaces_is_nobodys_until_the_namespace_is_named() -> None:
    other = ENTRY.replace("namespace: default", "namespace: other")
    db = world(ENTRY, other)

    assert cluster_for(db, "issuer.com", 443) is None
    assert cluster_for(db, "other/issuer.com", 443) == ("issuer.com", "outbound|443||issuer.com")


@pytest.mark.parametrize(
    "uri",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1:15000/config_dump",
        "https://issuer.com:8443.evil.com/",
        "https://me:secret@issuer.com/",
        "file:///etc/passwd",
        "https://[::1",
    ],
)
def test_hostile_32_keys_are_fetched_only_from_services_of_the_mesh(uri: str) -> None:
    db = world(ENTRY, authentication("p", f'[{{issuer: i, jwksUri: "{uri}"}}]'))
    (read,) = token_rules(db, (key("p"),))

    assert keys_of(db, read).kind == "none"


def test_the_parts_of_an_address() -> None:
    assert split_uri("https://A.com/keys") == ("https", "a.com", 443, "/keys")
    assert split_uri("http://a.com:8080") == ("http", "a.com", 8080, "/")
    assert split_uri("ftp://a.com") is None
    assert split_uri("http://a.com:port") is None
