"""Which proxies the arguments mean, in every form of output."""

from __future__ import annotations

from typing import Any

import pytest

from lateen.cli.errors import CommandError
from lateen.cli.proxy_status import chosen, narrowed, proxies


def answer(*names: str) -> dict[str, Any]:
    resources = [
        {"node": {"id": name, "metadata": {"NAMESPACE": name.partition(".")[2]}}, "genericXdsConfigs": []}
        for name in names
    ]
    return {"controlPlane": {"identifier": '{"ID":"istiod-1"}'}, "resources": resources}


def ids(answers: list[dict[str, Any]]) -> list[list[str]]:
    return [[resource["node"]["id"] for resource in each["resources"]] for each in answers]


def test_structured_output_has_the_chosen_proxies_only() -> None:
    answers = [answer("web-1.shop", "web-2.shop"), answer("db-1.default")]

    assert ids(narrowed(answers, "web-1.shop", "")) == [["web-1.shop"]]
    assert ids(narrowed(answers, None, "shop")) == [["web-1.shop", "web-2.shop"], []]
    assert narrowed(answers, None, "") == answers


def test_a_proxy_that_is_not_connected_is_named() -> None:
    with pytest.raises(CommandError, match=r"no proxy web-9\.default is connected"):
        chosen(proxies([answer("web-1.shop")]), "web-9", "")
    with pytest.raises(CommandError, match=r"no proxy web-9\.shop is connected"):
        narrowed([answer("web-1.shop")], "web-9", "shop")
