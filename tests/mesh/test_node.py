"""What a proxy says of itself."""

import pytest

from lateen.mesh.node import NodeError, parse_node

ID = "sidecar~10.0.0.1~web-0.prod~prod.svc.cluster.local"


def test_the_facts_of_a_sidecar() -> None:
    metadata = {
        "NAMESPACE": "prod",
        "LABELS": {"version": "v1", "app": "web"},
        "SERVICE_ACCOUNT": "web",
        "INSTANCE_IPS": "10.0.0.1,fd00::1",
        "ISTIO_VERSION": "1.31.2-alpha",
        "PROXY_FLAVOUR": "stock",
        "INTERCEPTION_MODE": "TPROXY",
    }
    node = parse_node({"id": ID, "metadata": metadata, "locality": {"region": "r", "subZone": "s"}})

    assert (node.type, node.namespace, node.pod_name) == ("sidecar", "prod", "web-0")
    assert node.labels == (("app", "web"), ("version", "v1"))
    assert node.ip_addresses == ("10.0.0.1", "fd00::1")
    assert (node.version, node.flavour, node.interception_mode) == ((1, 31, 2), "stock", "TPROXY")
    assert node.locality == ("r", "", "s")
    assert node.cluster_domain == "cluster.local"


def test_a_bare_node_gets_defaults() -> None:
    node = parse_node({"id": ID})

    assert (node.namespace, node.flavour, node.cluster_id, node.version) == ("prod", "istio", "Kubernetes", (1, 32, 0))


def test_equal_facts_are_one_key() -> None:
    assert {parse_node({"id": ID}): 1}[parse_node({"id": ID})] == 1


@pytest.mark.parametrize("bad", ["", "web-0", "ztunnel~1~a.b~c", "sidecar~10.0.0.1~web"])
def test_an_unreadable_id_says_what_is_expected(bad: str) -> None:
    with pytest.raises(NodeError, match="node id"):
        parse_node({"id": bad})
