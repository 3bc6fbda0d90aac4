"""AuthorizationPolicy to RBAC: what the conformance suite does not show."""

from typing import Any

import pytest
from envoy.config.rbac.v3.rbac_pb2 import RBAC
from envoy.extensions.filters.http.rbac.v3 import rbac_pb2 as http_rbac
from envoy.extensions.filters.network.rbac.v3 import rbac_pb2 as network_rbac
from google.protobuf.json_format import MessageToDict

from lateen.mesh.authz import applied
from lateen.xds.filters import ext_authz, rbac
from tests.mesh.test_authz import authorization
from tests.mesh.world import world


def rules(spec: str, *, tcp: bool = False) -> Any:
    """The rules in force that one policy gives."""
    db = world(authorization("p", "default", spec))
    policies = applied(db, "default", ())
    (found,) = rbac.network_filters(db, policies) if tcp else rbac.http_filters(db, policies)
    message: Any = network_rbac.RBAC() if tcp else http_rbac.RBAC()
    found.typed_config.Unpack(message)
    return message.rules


def only(spec: str, *, tcp: bool = False) -> dict[str, Any]:
    """The one rule of a policy, as JSON."""
    ((_, rule),) = rules(spec, tcp=tcp).policies.items()
    return MessageToDict(rule)


def caller(spec: str) -> Any:
    """The first matcher of the first caller of the one rule."""
    return only(spec)["principals"][0]["andIds"]["ids"][0]


def test_an_allow_policy_without_rules_closes_the_workload() -> None:
    found = rules("{}")

    assert found.action == RBAC.ALLOW
    assert [MessageToDict(rule)["permissions"] for rule in found.policies.values()] == [[{"notRule": {"any": True}}]]


def test_an_empty_rule_matches_everything() -> None:
    rule = only("{rules: [{}]}")

    assert rule["permissions"] == [{"andRules": {"rules": [{"any": True}]}}]
    assert rule["principals"] == [{"andIds": {"ids": [{"any": True}]}}]


HTTP_ONLY = 'rules: [{to: [{operation: {methods: [GET], ports: ["80"]}}]}]'


def test_on_tcp_a_rule_of_allow_with_a_field_of_http_allows_nothing() -> None:
    assert dict(rules(f"{{{HTTP_ONLY}}}", tcp=True).policies) == {}


@pytest.mark.parametrize("action", ["DENY", "AUDIT"])
def test_on_tcp_a_rule_of_deny_loses_only_its_fields_of_http(action: str) -> None:
    rule = only(f"{{action: {action}, {HTTP_ONLY}}}", tcp=True)

    assert rule["permissions"] == [{"andRules": {"rules": [{"orRules": {"rules": [{"destinationPort": 80}]}}]}}]


def test_no_character_of_a_name_reaches_a_regular_expression() -> None:
    found = caller('{rules: [{from: [{source: {namespaces: ["a.*|b"]}}]}]}')

    pattern = found["orIds"]["ids"][0]["authenticated"]["principalName"]["safeRegex"]["regex"]
    assert pattern == r".*/ns/a\..*\|b/.*"


def test_a_service_account_is_of_the_policys_namespace_unless_it_names_one() -> None:
    found = caller("{rules: [{from: [{source: {serviceAccounts: [web, other/api]}}]}]}")
    patterns = [one["authenticated"]["principalName"]["safeRegex"]["regex"] for one in found["orIds"]["ids"]]

    assert patterns == ["spiffe://.+/ns/default/(.+/|)sa/web(/.+)?", "spiffe://.+/ns/other/(.+/|)sa/api(/.+)?"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("td", {"prefix": "spiffe://td/"}),
        ("*", {"prefix": "spiffe://"}),
        ("*.corp", {"safeRegex": {"regex": r"spiffe://[^/]*\.corp/.*"}}),
    ],
)
def test_a_trust_domain_matches_whole(text: str, expected: dict[str, Any]) -> None:
    found = caller(f'{{rules: [{{from: [{{source: {{trustDomains: ["{text}"]}}}}]}}]}}')

    assert found["orIds"]["ids"][0]["authenticated"]["principalName"] == expected


@pytest.mark.parametrize(
    ("text", "issuer", "subject"),
    [
        ("*", {"safeRegex": {"regex": ".+"}}, {"safeRegex": {"regex": ".+"}}),
        ("https://i.com/me", {"exact": "https://i.com"}, {"exact": "me"}),
        ("i/*", {"exact": "i"}, {"safeRegex": {"regex": ".+"}}),
        ("i/me*", {"exact": "i"}, {"prefix": "me"}),
        ("*/me", {"safeRegex": {"regex": ".+"}}, {"exact": "me"}),
        ("*.com/me", {"suffix": ".com"}, {"exact": "me"}),
        ("*me", {"safeRegex": {"regex": ".+"}}, {"suffix": "me"}),
        ("i*", {"prefix": "i"}, {"safeRegex": {"regex": ".+"}}),
    ],
)
def test_a_request_principal_is_issuer_and_subject(text: str, issuer: Any, subject: Any) -> None:
    found = caller(f'{{rules: [{{from: [{{source: {{requestPrincipals: ["{text}"]}}}}]}}]}}')

    assert [one["metadata"]["value"]["stringMatch"] for one in found["andIds"]["ids"]] == [issuer, subject]


def test_nested_claims_are_a_path_and_may_be_lists() -> None:
    found = caller('{rules: [{when: [{key: "request.auth.claims[a][b]", values: [one, two]}]}]}')["metadata"]

    assert [segment["key"] for segment in found["path"]] == ["payload", "a", "b"]
    assert list(found["value"]["orMatch"]["valueMatchers"][0]) == ["listMatch"]


def test_a_path_template_is_matched_as_one() -> None:
    (permission,) = only('{rules: [{to: [{operation: {paths: ["/a/{*}/b/{**}"]}}]}]}')["permissions"]

    template = permission["andRules"]["rules"][0]["orRules"]["rules"][0]["uriTemplate"]["typedConfig"]
    assert template["pathTemplate"] == "/a/*/b/**"


@pytest.mark.parametrize("port", ["-1", "65536", "http", "٣"])
def test_a_port_that_is_none_costs_an_allow_rule(port: str) -> None:
    assert dict(rules(f'{{rules: [{{to: [{{operation: {{ports: ["{port}"]}}}}]}}]}}').policies) == {}


def test_a_custom_policy_in_dry_run_asks_nobody() -> None:
    spec = "{action: CUSTOM, provider: {name: gone}, rules: [{}]}"
    db = world(authorization("p", "default", spec, '{istio.io/dry-run: "true"}'))
    (found,) = ext_authz.http_filters(db, applied(db, "default", ()))
    message = http_rbac.RBAC()
    found.typed_config.Unpack(message)

    assert dict(message.rules.policies) == {}


def test_a_custom_policy_without_its_provider_denies_what_it_selects() -> None:
    db = world(authorization("p", "default", "{action: CUSTOM, provider: {name: gone}, rules: [{}]}"))
    (found,) = ext_authz.http_filters(db, applied(db, "default", ()))
    message = http_rbac.RBAC()
    found.typed_config.Unpack(message)

    assert message.rules.action == RBAC.DENY
    assert list(message.rules.policies) == [
        "istio-ext-authz-gone-ns[default]-policy[p]-rule[0]-deny-due-to-bad-CUSTOM-action"
    ]


@pytest.mark.parametrize(
    "rule",
    [
        *(
            f'{{to: [{{operation: {{paths: ["{path}"]}}}}]}}'
            for path in ("{*}", "/a//{*}", "/{**}/{*}", "/a b/{*}", "/{x}/{*}")
        ),
        *(f'{{when: [{{key: "{key}", values: [x]}}]}}' for key in ("request.headers[]", "request.headers[a\\nb]")),
        *(
            f'{{when: [{{key: "{key}", values: [x]}}]}}'
            for key in ("request.auth.claims[]", "experimental.envoy.filters.a[]")
        ),
        '{when: [{key: source.ip, values: ["10.0.0.0/40"]}]}',
        '{from: [{source: {namespaces: ["%s"]}}]}' % ("x" * 1025),
    ],
)
def test_what_envoy_would_refuse_or_not_survive_is_not_sent(rule: str) -> None:
    assert dict(rules(f"{{rules: [{rule}]}}").policies) == {}
    assert len(rules(f"{{action: DENY, rules: [{rule}]}}").policies) == 1
