"""Envoy's bootstrap: Envoy accepts it, and names, ports and addresses are where tools look for them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lateen.agent.bootstrap import bootstrap, discovery_address, status_port
from lateen.agent.facts import AgentSettingsError
from tests.agent.pods import facts, pod


def clusters(made: dict[str, Any]) -> dict[str, Any]:
    return {cluster["name"]: cluster for cluster in made["static_resources"]["clusters"]}


def address(cluster: dict[str, Any]) -> Any:
    endpoint = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]
    return endpoint.get("pipe", endpoint.get("socket_address"))


@pytest.mark.parametrize("arguments", [("proxy", "sidecar"), ("proxy", "router"), ("proxy", "router", "--log_as_json")])
def test_envoy_accepts_it(arguments: tuple[str, ...], tmp_path: Path) -> None:
    config = {"runtimeValues": {"envoy.reloadable_features.http_reject_path_with_fragment": "false", "a": "5"}}
    made = bootstrap(facts((*arguments, "--outlierLogPath=/dev/stdout"), {"PROXY_CONFIG": json.dumps(config)}))
    (tmp_path / "envoy.json").write_text(json.dumps(made))
    envoy = Path(sys.executable).with_name("envoy")
    done = subprocess.run(
        [envoy, "--mode", "validate", "-c", tmp_path / "envoy.json", "-l", "error"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""


def test_the_control_plane_is_reached_over_tls_with_the_workloads_certificate() -> None:
    cluster = clusters(bootstrap(facts()))["xds-grpc"]
    tls = cluster["transport_socket"]["typed_config"]

    assert address(cluster) == {
        "protocol": "TCP",
        "address": "istiod.istio-system.svc.cluster.local",
        "port_value": 15012,
    }
    assert tls["sni"] == "istiod.istio-system.svc"
    assert tls["common_tls_context"]["tls_certificate_sds_secret_configs"][0]["name"] == "default"
    validation = tls["common_tls_context"]["combined_validation_context"]
    assert validation["validation_context_sds_secret_config"]["name"] == "ROOTCA"
    assert validation["default_validation_context"]["match_typed_subject_alt_names"] == [
        {"san_type": "DNS", "matcher": {"exact": "istiod.istio-system.svc"}}
    ]


def test_secrets_come_from_the_agents_socket() -> None:
    cluster = clusters(bootstrap(facts()))["sds-grpc"]

    assert address(cluster) == {"path": "/var/run/secrets/workload-spiffe-uds/socket"}


def test_what_everybody_can_reach_is_one_path_each() -> None:
    listeners = bootstrap(facts())["static_resources"]["listeners"]
    found = {}
    for listener in listeners:
        manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
        (route,) = manager["route_config"]["virtual_hosts"][0]["routes"]
        found[listener["address"]["socket_address"]["port_value"]] = (route["match"], route["route"]["cluster"])

    assert found == {
        15090: ({"path": "/stats/prometheus"}, "prometheus_stats"),
        15021: ({"path": "/healthz/ready"}, "agent"),
    }


def test_the_administration_is_on_loopback() -> None:
    assert bootstrap(facts())["admin"]["address"]["socket_address"]["address"] == "127.0.0.1"


def test_addresses_and_ports_can_be_set() -> None:
    config = {"discoveryAddress": "istiod-canary.mesh.svc:15012", "statusPort": 16020, "proxyAdminPort": 16000}
    known = facts(env={"PROXY_CONFIG": json.dumps(config)})
    made = clusters(bootstrap(known))

    assert discovery_address(known) == ("istiod-canary.mesh.svc", 15012)
    assert address(made["agent"])["port_value"] == 16020
    assert address(made["prometheus_stats"])["port_value"] == 16000


def test_the_annotation_wins_over_the_proxy_config() -> None:
    known = facts(env={"PROXY_CONFIG": '{"statusPort": 16020}'}, shape=pod(status_sidecar_istio_io__port="17020"))

    assert status_port(known) == 17020


@pytest.mark.parametrize("port", ["0", "70000", "-1", "abc", "１５", "1\n2"])
def test_hostile_21_ports_that_are_none_are_named(port: str) -> None:
    with pytest.raises(AgentSettingsError, match="port"):
        status_port(facts(shape=pod(status_sidecar_istio_io__port=port)))


@pytest.mark.parametrize("text", ["istiod", ":15012", "istiod:port"])
def test_unusable_discovery_addresses_are_named(text: str) -> None:
    with pytest.raises(AgentSettingsError, match="discoveryAddress"):
        discovery_address(facts(env={"PROXY_CONFIG": json.dumps({"discoveryAddress": text})}))
