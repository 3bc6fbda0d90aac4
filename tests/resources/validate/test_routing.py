"""Rules for VirtualService: each mistake is named at its field."""

from typing import Any

import pytest

from tests.resources.validate.rules import errors, warnings


def route(**parts: Any) -> dict[str, Any]:
    """Return a VirtualService with one HTTP route, which goes to `a` unless `parts` say otherwise."""
    return {"hosts": ["a"], "http": [{"route": [{"destination": {"host": "a"}}], **parts}]}


def test_a_good_one_has_nothing_said() -> None:
    """All sorts of conditions and actions at once."""
    match = {
        "uri": {"regex": "/a.*"},
        "headers": {"x": {"exact": "1"}},
        "withoutHeaders": {"y": {"regex": "*"}},
        "port": 80,
        "sourceLabels": {"app": "b"},
        "queryParams": {"q": {"prefix": "z"}},
        "gateways": ["mesh", "ns/gw"],
    }
    rule = route(
        match=[match],
        timeout="1.5s",
        retries={"attempts": 3, "perTryTimeout": "2s", "retryOn": "5xx,503,connect-failure"},
        fault={"delay": {"fixedDelay": "5s", "percentage": {"value": 0.1}}, "abort": {"httpStatus": 503}},
        corsPolicy={"allowOrigins": [{"exact": "https://a"}], "allowMethods": ["GET"], "maxAge": "24h"},
        headers={"request": {"set": {"x-a": "100%%", "host": "b"}, "remove": ["y"]}},
        mirrors=[{"destination": {"host": "m"}, "percentage": {"value": 50}}],
    )

    assert errors("VirtualService", rule) == {}


@pytest.mark.parametrize(
    ("spec", "path", "words"),
    [
        ({"hosts": ["a"]}, "spec", "routes nothing"),
        ({"hosts": ["*"], "http": route()["http"]}, "spec.hosts[0]", "for gateways only"),
        ({"hosts": ["*.a.b", "c.a.b"], "http": route()["http"]}, "spec.hosts[0]", "names in common"),
        ({"hosts": ["a_b"], "http": route()["http"]}, "spec.hosts[0]", "the label 'a_b' is not valid"),
        ({"http": route()["http"], "gateways": ["g"]}, "spec.gateways", "a delegate virtual service"),
        ({**route(), "gateways": ["ns/"]}, "spec.gateways[0]", "no valid name of a gateway"),
        ({**route(), "exportTo": ["*", "app"]}, "spec.exportTo", "must be the only entry"),
        ({**route(), "exportTo": [".", "app"]}, "spec.exportTo[1]", "in the list already"),
        (route(timeout="5"), "spec.http[0].timeout", "no unit"),
        (route(timeout="0.5ms"), "spec.http[0].timeout", "at least 1ms"),
        (route(route=[]), "spec.http[0]", "does nothing"),
        (route(redirect={"uri": "/x"}), "spec.http[0].route", "no place beside redirect"),
        (route(match=[{"uri": {"regex": "(["}}]), "spec.http[0].match[0].uri.regex", "is no regular expression"),
        (route(match=[{"uri": {"exact": "a", "prefix": "b"}}]), "spec.http[0].match[0].uri", "more than one of"),
        (route(match=[{"method": {"prefix": ""}}]), "spec.http[0].match[0].method.prefix", "fits everything"),
        (route(match=[{"port": 70000}]), "spec.http[0].match[0].port", "70000 is no port number"),
        (route(match=[{"headers": {"a b": {}}}]), "spec.http[0].match[0].headers", "no valid header name"),
        (route(retries={"attempts": -1}), "spec.http[0].retries.attempts", "must not be negative"),
        (
            route(retries={"attempts": 1, "retryOn": "oops"}),
            "spec.http[0].retries.retryOn",
            "'oops' is no reason to retry",
        ),
        (route(retries={"retryOn": "5xx"}), "spec.http[0].retries.attempts", "turns retries off"),
        (route(fault={}), "spec.http[0].fault", "injects nothing"),
        (route(fault={"abort": {"httpStatus": 99}}), "spec.http[0].fault.abort.httpStatus", "99 is no status"),
        (route(fault={"abort": {"grpcStatus": "NOPE"}}), "spec.http[0].fault.abort.grpcStatus", "no status 'NOPE'"),
        (route(fault={"delay": {"percentage": {"value": 101}}}), "spec.http[0].fault.delay.percentage.value", "101"),
        (route(mirrorPercentage={"value": -1}), "spec.http[0].mirrorPercentage.value", "is no percentage"),
        (route(corsPolicy={"allowMethods": ["GETS"]}), "spec.http[0].corsPolicy.allowMethods[0]", "'GETS'"),
        (route(corsPolicy={"maxAge": "1.5s"}), "spec.http[0].corsPolicy.maxAge", "whole seconds"),
        (route(rewrite={}), "spec.http[0].rewrite", "rewrites nothing"),
        (route(headers={"response": {"set": {"Host": "x"}}}), "spec.http[0].headers.response.set", "cannot be changed"),
        (route(headers={"request": {"add": {"a": "%x"}}}), "spec.http[0].headers.request.add.a", "a single %"),
        (
            route(route=[{"destination": {"host": "*"}}]),
            "spec.http[0].route[0].destination.host",
            "the wildcard * is no destination",
        ),
        (
            route(route=[{"destination": {"host": "a"}, "weight": -3}]),
            "spec.http[0].route[0].weight",
            "must not be negative, is -3",
        ),
        (
            route(route=[{"destination": {"host": "a"}, "weight": 0}, {"destination": {"host": "b"}}]),
            "spec.http[0].route",
            "all 0",
        ),
        (
            {
                "hosts": ["a.com"],
                "tls": [{"match": [{"sniHosts": ["b.com"]}], "route": [{"destination": {"host": "a"}}]}],
            },
            "spec.tls[0].match[0].sniHosts[0]",
            "none of the hosts",
        ),
        ({"hosts": ["a"], "tcp": [{"match": [{"port": 1}]}]}, "spec.tcp[0].route", "where does TCP go?"),
    ],
)
def test_mistakes(spec: dict[str, Any], path: str, words: str) -> None:
    """The finding stands at the field and says what is wrong."""
    assert words in errors("VirtualService", spec)[path]


def test_rules_that_never_decide() -> None:
    """After a rule without conditions, twice the same, or covered by an earlier prefix."""
    goes = {"route": [{"destination": {"host": "a"}}]}
    first = {"match": [{"uri": {"prefix": "/api"}}], **goes}
    covered = {"match": [{"uri": {"prefix": "/api/v1"}, "method": {"exact": "GET"}}], **goes}
    same = {"match": [{"uri": {"prefix": "/api"}}], **goes}
    spec = {"hosts": ["a"], "http": [first, covered, same, goes, {"match": [{"port": 1}], **goes}]}

    found = warnings("VirtualService", spec)

    assert "spec.http[0].match[0] covers it" in found["spec.http[1].match[0]"]
    assert "earlier rules have all of its conditions" in found["spec.http[2]"]
    assert "a rule without conditions" in found["spec.http[4]"]


def test_a_narrower_match_first_is_fine() -> None:
    """Order is how users say what wins."""
    goes = {"route": [{"destination": {"host": "a"}}]}
    narrow = {
        "match": [{"uri": {"prefix": "/api/v1"}}, {"uri": {"prefix": "/x"}, "headers": {"h": {"exact": "1"}}}],
        **goes,
    }
    wide = {"match": [{"uri": {"prefix": "/api"}}, {"uri": {"prefix": "/x/y"}}], **goes}

    assert warnings("VirtualService", {"hosts": ["a"], "http": [narrow, wide, goes]}) == {}


def test_what_works_but_should_not_be_written() -> None:
    """Deprecated fields and addresses as server names."""
    spec = route(mirror={"host": "m"}, mirrorPercent=5)
    assert "old spelling" in warnings("VirtualService", spec)["spec.http[0].mirrorPercent"]

    legacy = {**route(), "gateways": ["gw.ns.svc.cluster.local"]}
    assert "legacy form" in warnings("VirtualService", legacy)["spec.gateways[0]"]
