"""Probes of the application are led through the agent, and the agent is told what to ask."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.injection.pods import container, env, injected, pod, settings


def probers(given: dict[str, Any]) -> Any:
    return json.loads(env(given, "ISTIO_KUBE_APP_PROBERS"))


def test_a28_http_probe_with_a_named_port() -> None:
    probe = {"httpGet": {"path": "/live", "port": "http"}, "periodSeconds": 3, "timeoutSeconds": 2}
    made = injected(pod({"livenessProbe": probe}))

    assert container(made, "app")["livenessProbe"] == {
        "httpGet": {"path": "/app-health/app/livez", "port": 15020},
        "periodSeconds": 3,
        "timeoutSeconds": 2,
    }
    assert probers(made) == {"/app-health/app/livez": {"httpGet": {"path": "/live", "port": 8080}, "timeoutSeconds": 2}}


@pytest.mark.parametrize(
    ("action", "asked"),
    [
        ({"tcpSocket": {"port": 9000}}, {"tcpSocket": {"port": 9000}}),
        ({"grpc": {"port": 7000, "service": "s"}}, {"grpc": {"port": 7000, "service": "s"}}),
    ],
)
def test_a28_tcp_and_grpc_probes_become_http_to_the_agent(action: dict[str, Any], asked: dict[str, Any]) -> None:
    made = injected(pod({"readinessProbe": action}))

    assert container(made, "app")["readinessProbe"] == {"httpGet": {"path": "/app-health/app/readyz", "port": 15020}}
    assert probers(made) == {"/app-health/app/readyz": asked}


def test_a28_commands_are_left_alone() -> None:
    probe = {"exec": {"command": ["true"]}}
    made = injected(pod({"livenessProbe": probe}))

    assert container(made, "app")["livenessProbe"] == probe
    assert env(made, "ISTIO_KUBE_APP_PROBERS") is None


def test_a28_the_kubelet_speaks_http_with_the_agent_which_speaks_https_with_the_application() -> None:
    made = injected(pod({"livenessProbe": {"httpGet": {"port": 8443, "scheme": "HTTPS"}}}))

    assert container(made, "app")["livenessProbe"]["httpGet"]["scheme"] == "HTTP"
    assert probers(made)["/app-health/app/livez"]["httpGet"]["scheme"] == "HTTPS"


def test_hooks_are_led_through_the_agent() -> None:
    made = injected(pod({"lifecycle": {"preStop": {"httpGet": {"path": "/bye", "port": 8080}}}}))

    assert container(made, "app")["lifecycle"]["preStop"]["httpGet"]["path"] == "/app-lifecycle/app/prestopz"
    assert "/app-lifecycle/app/prestopz" in probers(made)


@pytest.mark.parametrize("how", ["annotation", "values"])
def test_a28_opting_out(how: str) -> None:
    probe = {"httpGet": {"path": "/live", "port": 8080}}
    annotations = {"sidecar.istio.io/rewriteAppHTTPProbers": "false"} if how == "annotation" else {}
    values = {"sidecarInjectorWebhook": {"rewriteAppHTTPProbe": how != "values"}}
    made = injected(pod({"livenessProbe": probe}, annotations=annotations), settings(values))

    assert container(made, "app")["livenessProbe"] == probe
