"""Merged metrics."""

from __future__ import annotations

import json

import pytest

from lateen.injection.annotations import InjectionError
from tests.injection.pods import env, injected, pod, settings


def test_prometheus_is_sent_to_the_agent() -> None:
    annotations = injected(pod())["metadata"]["annotations"]

    assert annotations["prometheus.io/port"] == "15020"
    assert annotations["prometheus.io/path"] == "/stats/prometheus"
    assert annotations["prometheus.io/scrape"] == "true"


def test_the_agent_learns_where_the_applications_metrics_are() -> None:
    made = injected(pod(annotations={"prometheus.io/port": "9090", "prometheus.io/path": "/m"}))

    assert json.loads(env(made, "ISTIO_PROMETHEUS_ANNOTATIONS")) == {"scrape": "", "path": "/m", "port": "9090"}


@pytest.mark.parametrize(
    ("annotations", "mesh"),
    [
        ({"prometheus.io/scrape": "false"}, {}),
        ({"prometheus.istio.io/merge-metrics": "false"}, {}),
        ({}, {"enablePrometheusMerge": False}),
    ],
)
def test_opting_out(annotations: dict[str, str], mesh: dict[str, bool]) -> None:
    made = injected(pod(annotations=annotations), settings(mesh=mesh))

    assert "prometheus.io/path" not in made["metadata"]["annotations"]


@pytest.mark.parametrize("port", ["15090", "15000", "0", "70000", "http", "9090\n"])
def test_ports_that_cannot_be_scraped(port: str) -> None:
    with pytest.raises(InjectionError, match="prometheus"):
        injected(pod(annotations={"prometheus.io/port": port}))
