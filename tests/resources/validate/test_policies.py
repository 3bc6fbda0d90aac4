"""Rules for AuthorizationPolicy, PeerAuthentication, RequestAuthentication and Telemetry."""

from typing import Any

import pytest

from tests.resources.validate.rules import errors, said, warnings


def rule(**parts: Any) -> dict[str, Any]:
    """Return an AuthorizationPolicy with one rule."""
    return {"rules": [parts]}


@pytest.mark.parametrize(
    ("spec", "path", "words"),
    [
        ({"action": "DENY"}, "spec.rules", "applies to no request"),
        ({"action": "CUSTOM", "rules": [{}]}, "spec.provider.name", "which external authorizer"),
        ({"provider": {"name": "p"}}, "spec.provider", "only CUSTOM policies"),
        (rule(**{"from": [{"source": {}}]}), "spec.rules[0].from[0].source", "is empty"),
        (
            rule(**{"from": [{"source": {"ipBlocks": ["1.2.3"]}}]}),
            "spec.rules[0].from[0].source.ipBlocks[0]",
            "neither",
        ),
        (
            rule(**{"from": [{"source": {"serviceAccounts": ["a/b/c"]}}]}),
            "spec.rules[0].from[0].source.serviceAccounts[0]",
            "neither an account",
        ),
        (
            rule(**{"from": [{"source": {"serviceAccounts": ["a"], "namespaces": ["b"]}}]}),
            "spec.rules[0].from[0].source",
            "cannot be given beside them",
        ),
        (rule(to=[{"operation": {"ports": ["http"]}}]), "spec.rules[0].to[0].operation.ports[0]", "bad port 'http'"),
        (
            rule(to=[{"operation": {"paths": ["/a/{**}/{*}"]}}]),
            "spec.rules[0].to[0].operation.paths[0]",
            "may follow {**}",
        ),
        (rule(to=[{"operation": {"methods": [""]}}]), "spec.rules[0].to[0].operation.methods[0]", "empty value"),
        (rule(when=[{"key": "source.colour", "values": ["red"]}]), "spec.rules[0].when[0].key", "is no attribute"),
        (
            rule(when=[{"key": "request.headers", "values": ["a"]}]),
            "spec.rules[0].when[0].key",
            "lacks the name in brackets",
        ),
        (rule(when=[{"key": "source.ip"}]), "spec.rules[0].when[0]", "says nothing about"),
        ({"selector": {"matchLabels": {"a": "b*"}}}, "spec.selector.matchLabels", "cannot have a *"),
        ({"targetRefs": [{"kind": "Pod", "name": "p"}]}, "spec.targetRefs[0]", "cannot be attached to core/Pod"),
    ],
)
def test_authorization(spec: dict[str, Any], path: str, words: str) -> None:
    """Callers, operations, conditions and what they are attached to."""
    assert words in errors("AuthorizationPolicy", spec)[path]


def test_rules_that_say_everything_or_nothing_are_fine() -> None:
    """No rules allow nothing; an empty rule allows everything."""
    assert said("AuthorizationPolicy", {}) == []
    assert said("AuthorizationPolicy", {"rules": [{}]}) == []
    full = {
        "from": [{"source": {"principals": ["*"], "notNamespaces": ["b"], "remoteIpBlocks": ["10.0.0.0/8", "::1"]}}],
        "to": [{"operation": {"methods": ["GET"], "paths": ["/a*", "/b/{*}/{**}"], "ports": ["80"]}}],
        "when": [{"key": "request.headers[x]", "values": ["y"]}, {"key": "connection.sni", "notValues": ["z"]}],
    }
    assert said("AuthorizationPolicy", {"rules": [full], "action": "DENY"}) == []


def test_a_denial_by_http_attributes_denies_all_of_tcp() -> None:
    """Which is said, since few expect it."""
    spec = {"action": "DENY", "rules": [{"to": [{"operation": {"methods": ["GET"]}}]}]}

    assert "connections to TCP ports are all denied" in warnings("AuthorizationPolicy", spec)["spec.rules[0]"]


def test_trial_mode() -> None:
    """`istio.io/dry-run` is for ALLOW and DENY, and has to be a boolean."""
    path = "metadata.annotations['istio.io/dry-run']"

    assert said("AuthorizationPolicy", {}, annotations={"istio.io/dry-run": "true"}) == []
    assert "must be true or false" in errors("AuthorizationPolicy", {}, annotations={"istio.io/dry-run": "maybe"})[path]
    assert (
        "AuthorizationPolicy only" in errors("PeerAuthentication", {}, annotations={"istio.io/dry-run": "true"})[path]
    )


def test_peer_authentication() -> None:
    """Ports are numbers, and for selected workloads only."""
    ports = {"portLevelMtls": {"8080": {"mode": "STRICT"}, "http": {}, "70000": {}}}

    found = errors("PeerAuthentication", ports)

    assert set(found) == {"spec.portLevelMtls", "spec.portLevelMtls.http", "spec.portLevelMtls.70000"}
    assert (
        said("PeerAuthentication", {**ports, "selector": {"matchLabels": {"a": "b"}}, "portLevelMtls": {"80": {}}})
        == []
    )


@pytest.mark.parametrize(
    ("jwt", "path", "words"),
    [
        ({}, "issuer", "whose tokens these are"),
        ({"issuer": "i", "jwksUri": "foo.com"}, "jwksUri", "no URL of http or https"),
        ({"issuer": "i", "jwksUri": "https://a:99999/x"}, "jwksUri", "no URL"),
        ({"issuer": "i", "jwks": "{"}, "jwks", "is no JSON"),
        ({"issuer": "i", "jwks": '{"keys": [{"kty": "RSA"}]}'}, "jwks", "no set of keys"),
        ({"issuer": "i", "fromParams": [""]}, "fromParams[0]", "is empty"),
        (
            {"issuer": "i", "outputClaimToHeaders": [{"header": "a b", "claim": "c"}]},
            "outputClaimToHeaders[0].header",
            "header name",
        ),
        ({"issuer": "i", "timeout": "apple"}, "timeout", "is not a duration"),
    ],
)
def test_request_authentication(jwt: dict[str, Any], path: str, words: str) -> None:
    """Issuers, keys, and where tokens are."""
    assert words in errors("RequestAuthentication", {"jwtRules": [jwt]})[f"spec.jwtRules[0].{path}"]


def test_private_keys_are_noticed() -> None:
    """Only public ones are needed."""
    jwks = '{"keys": [{"kty": "RSA", "n": "a", "e": "AQAB", "d": "secret"}]}'

    found = warnings("RequestAuthentication", {"jwtRules": [{"issuer": "i", "jwks": jwks}]})

    assert "its private part" in found["spec.jwtRules[0].jwks"]


def test_telemetry() -> None:
    """Shares, tags and providers."""
    spec = {
        "tracing": [{"randomSamplingPercentage": 101, "customTags": {"t": {"literal": {"value": ""}}}}],
        "metrics": [{"overrides": [{"tagOverrides": {"a": {}}}], "providers": [{"name": ""}]}],
    }

    assert set(errors("Telemetry", spec)) == {
        "spec.tracing[0].randomSamplingPercentage",
        "spec.tracing[0].customTags.t.literal.value",
        "spec.metrics[0].overrides[0].tagOverrides.a.value",
        "spec.metrics[0].providers[0].name",
    }
