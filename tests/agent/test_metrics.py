"""Merged expositions."""

from __future__ import annotations

import pytest

from lateen.agent.metrics import OPEN_METRICS, TEXT, VARIABLE, Exposition, Target, merged, targets


def test_parts_follow_each_other_each_on_lines_of_its_own() -> None:
    whole = merged([b"agent 1", b"proxy 2\n"], [Exposition(b"app 3")])

    assert whole == Exposition(b"agent 1\nproxy 2\napp 3\n", TEXT)


def test_open_metrics_ends_once() -> None:
    parts = [Exposition(b"a 1\n# EOF\n", OPEN_METRICS), Exposition(b"b 2\n# EOF", OPEN_METRICS)]

    assert merged([b"own 0\n"], parts) == Exposition(b"own 0\na 1\nb 2\n# EOF\n", OPEN_METRICS)


def test_mixed_forms_become_text() -> None:
    parts = [Exposition(b"a 1\n# EOF\n", OPEN_METRICS), Exposition(b"b 2\n")]

    assert merged([], parts) == Exposition(b"a 1\nb 2\n", TEXT)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("", ()),
        ('{"scrape":"true","path":"/m","port":"9090"}', (Target(9090, "/m"),)),
        ('{"scrape":"true","path":"","port":""}', (Target(80, "/metrics"),)),
        ('{"scrape":"true","targets":[{"port":"1","path":"a"},{"port":"2"}]}', (Target(1, "/a"), Target(2))),
        ("{", ()),
        ('{"port":"x"}', ()),
        ("[]", ()),
    ],
)
def test_the_applications_endpoints(written: str, expected: tuple[Target, ...]) -> None:
    assert targets({VARIABLE: written}) == expected
