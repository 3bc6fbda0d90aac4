"""Who is injected: label before annotation, selectors, policy."""

from __future__ import annotations

from typing import Any

import pytest

from lateen.injection.decision import Policy, not_injected_reason

SELECTOR = {"matchLabels": {"foo": "bar"}}


def decided(policy: Policy, labels: dict[str, str] | None = None, annotations: dict[str, str] | None = None) -> bool:
    pod: dict[str, Any] = {"metadata": {"labels": labels, "annotations": annotations}, "spec": {}}
    return not_injected_reason(pod, "shop", policy) is None


def test_the_label_wins_over_the_annotation() -> None:
    inject = "sidecar.istio.io/inject"

    assert decided(Policy("disabled"), {inject: "true"}, {inject: "false"})
    assert not decided(Policy("enabled"), {inject: "false"}, {inject: "true"})


def test_the_policy_decides_where_nobody_asks() -> None:
    assert decided(Policy("enabled"))
    assert not decided(Policy("disabled"))
    assert not decided(Policy("sometimes"))


def test_selectors() -> None:
    assert decided(Policy("disabled", always=(SELECTOR,)), {"foo": "bar"})
    assert not decided(Policy("enabled", never=(SELECTOR,)), {"foo": "bar"})
    assert not decided(Policy("enabled", never=(SELECTOR,), always=(SELECTOR,)), {"foo": "bar"})
    assert decided(Policy("enabled", never=({},)), {"foo": "bar"})


@pytest.mark.parametrize(
    ("expression", "matches"),
    [
        ({"key": "foo", "operator": "In", "values": ["bar"]}, True),
        ({"key": "foo", "operator": "NotIn", "values": ["bar"]}, False),
        ({"key": "foo", "operator": "Exists"}, True),
        ({"key": "foo", "operator": "DoesNotExist"}, False),
        ({"key": "foo", "operator": "Like"}, False),
    ],
)
def test_expressions(expression: dict[str, Any], matches: bool) -> None:
    policy = Policy("disabled", always=({"matchExpressions": [expression]},))

    assert decided(policy, {"foo": "bar"}) == matches
