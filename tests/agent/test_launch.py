"""Envoy's command line."""

from __future__ import annotations

import json

import pytest

from lateen.agent.facts import AgentSettingsError
from lateen.agent.launch import concurrency, envoy_arguments
from tests.agent.pods import SIDECAR, facts


def test_the_flags_of_istios_agent() -> None:
    line = " ".join(envoy_arguments(facts(), "/usr/local/bin/envoy"))

    assert line.startswith("/usr/local/bin/envoy -c /etc/istio/proxy/envoy-rev.json --drain-time-s 45 ")
    assert "--disable-hot-restart" in line
    assert "-l warning --component-log-level misc:error" in line


@pytest.mark.parametrize(
    ("config", "env", "expected"),
    [
        ({}, {}, ("--concurrency", "2")),
        ({"concurrency": 4}, {"ISTIO_CPU_LIMIT": "1"}, ("--concurrency", "4")),
        ({"concurrency": 0}, {"ISTIO_CPU_LIMIT": "1"}, ()),
        ({}, {"ISTIO_CPU_LIMIT": "3"}, ("--concurrency", "3")),
    ],
)
def test_worker_threads(config: dict[str, int], env: dict[str, str], expected: tuple[str, ...]) -> None:
    assert concurrency(facts(env={"PROXY_CONFIG": json.dumps(config)} | env)) == expected


def test_the_flag_wins() -> None:
    assert concurrency(facts((*SIDECAR, "--concurrency", "7"))) == ("--concurrency", "7")


def test_a_drain_duration_that_is_none_is_named() -> None:
    with pytest.raises(AgentSettingsError, match="drainDuration"):
        envoy_arguments(facts(env={"PROXY_CONFIG": '{"drainDuration": "soon"}'}), "envoy")
