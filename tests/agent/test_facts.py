"""What the agent reads from a pod: Istio's arguments and variables mean what they mean there."""

from __future__ import annotations

import json

import pytest

from lateen.agent.facts import AgentSettingsError, fields_without_effect
from lateen.mesh.node import parse_node
from tests.agent.pods import SIDECAR, facts


def test_the_node_id_names_role_address_pod_and_domain() -> None:
    assert facts().node_id == "sidecar~10.0.0.7~web-1.shop~shop.svc.cluster.local"
    assert facts(("proxy", "router")).node_id == "router~10.0.0.7~web-1.shop~shop.svc.cluster.local"


def test_the_control_plane_understands_the_node() -> None:
    known = facts(env={"ISTIO_META_INTERCEPTION_MODE": "TPROXY", "ISTIO_META_NETWORK": "net-1"})
    node = parse_node({"id": known.node_id, "metadata": known.metadata})

    assert (node.type, node.namespace, node.pod_name, node.service_account) == ("sidecar", "shop", "web-1", "seller")
    assert (node.flavour, node.version, node.workload_name) == ("stock", (1, 32, 0), "web")
    assert (node.interception_mode, node.network, node.labels) == ("TPROXY", "net-1", (("app", "web"),))


def test_proxy_config_is_json() -> None:
    config = facts(env={"PROXY_CONFIG": json.dumps({"concurrency": 2})}).config

    assert config == {"concurrency": 2}


def test_flags_are_written_either_way() -> None:
    flags = facts((*SIDECAR, "--proxyComponentLogLevel", "misc:error")).arguments.flags

    assert flags == {"domain": "shop.svc.cluster.local", "log_level": "warning", "component_log_level": "misc:error"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "begin with `proxy`"),
        (("proxy", "waypoint-of-doom"), "not known"),
        (("proxy", "sidecar", "--what"), "'--what'"),
        (("proxy", "sidecar", "--domain"), "needs a value"),
    ],
)
def test_unusable_arguments_are_named(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(AgentSettingsError, match=message):
        facts(arguments)


@pytest.mark.parametrize("text", ["{", "[]", "null\n[", '"a"'])
def test_an_unusable_proxy_config_is_named(text: str) -> None:
    with pytest.raises(AgentSettingsError, match="PROXY_CONFIG"):
        facts(env={"PROXY_CONFIG": text})


def test_a_pod_without_an_address_has_no_proxy_yet() -> None:
    with pytest.raises(AgentSettingsError, match="address"):
        facts(shape={"metadata": {"name": "a", "namespace": "b"}})


def test_fields_without_effect_are_named() -> None:
    assert fields_without_effect({"tracing": {"zipkin": {}}, "concurrency": 2, "statsdUdpAddress": ""}) == ("tracing",)
