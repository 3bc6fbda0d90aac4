"""Cluster addresses and node ports."""

from __future__ import annotations

from typing import Any

import pytest

from lateen.localcluster.errors import ApiError
from lateen.localcluster.service_addresses import assigned

NETWORK = "10.129.0.0/16"


def service(name: str = "s", **spec: Any) -> dict[str, Any]:
    meta = {"name": name, "namespace": "n", "uid": name}
    return {"metadata": meta, "spec": {"type": "ClusterIP", "ports": [{"port": 80}], **spec}}


def test_the_first_free_address_is_given() -> None:
    first = assigned(service("a"), [], NETWORK)
    second = assigned(service("b"), [first], NETWORK)
    assert (first["spec"]["clusterIP"], second["spec"]["clusterIP"]) == ("10.129.0.16", "10.129.0.17")
    assert second["spec"]["clusterIPs"] == ["10.129.0.17"]
    assert second["spec"]["ipFamilies"] == ["IPv4"]


def test_a_stored_service_keeps_its_address() -> None:
    first = assigned(service("a"), [], NETWORK)
    assert assigned(first, [first], NETWORK) == first


def test_headless_and_external_services_have_none() -> None:
    assert assigned(service(clusterIP="None"), [], NETWORK)["spec"]["clusterIPs"] == ["None"]
    external = service(type="ExternalName", externalName="e.com", clusterIP="", ports=[])
    assert "clusterIP" not in assigned(external, [], NETWORK)["spec"]


def test_G57_more_ports_than_there_are_node_ports_are_refused_at_once() -> None:
    many = service(type="NodePort", ports=[{"port": number, "name": f"p{number}"} for number in range(1, 3000)])
    with pytest.raises(ApiError, match="failed to allocate a nodePort") as refused:
        assigned(many, [], NETWORK)
    assert refused.value.code == 500, "as Kubernetes answers"


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("10.1.0.1", "not in the valid range 10.129.0.0/16"),
        ("10.129.0.20", "already allocated"),
        ("10.129.0.1", "kept for default/kubernetes"),
        ("10.129.0.10", "kept for kube-system/kube-dns"),
    ],
)
def test_addresses_that_cannot_be_had(address: str, why: str) -> None:
    taken = service("other", clusterIP="10.129.0.20")
    with pytest.raises(ApiError, match=why):
        assigned(service(clusterIP=address), [taken], NETWORK)


def test_the_reserved_addresses_are_for_their_owners() -> None:
    owner = service("kubernetes", clusterIP="10.129.0.1")
    owner["metadata"]["namespace"] = "default"
    assert assigned(owner, [], NETWORK)["spec"]["clusterIP"] == "10.129.0.1"


def test_node_ports_are_unique_and_in_range() -> None:
    first = assigned(service("a", type="NodePort", ports=[{"port": 1}, {"port": 2, "nodePort": 30000}]), [], NETWORK)
    assert [port["nodePort"] for port in first["spec"]["ports"]] == [30001, 30000]
    with pytest.raises(ApiError, match="provided port is already allocated"):
        assigned(service("b", type="NodePort", ports=[{"port": 1, "nodePort": 30001}]), [first], NETWORK)
    with pytest.raises(ApiError, match="The range of valid ports is 30000-32767"):
        assigned(service("c", type="NodePort", ports=[{"port": 1, "nodePort": 80}]), [], NETWORK)
    plain = assigned({**first, "spec": {**first["spec"], "type": "ClusterIP"}}, [first], NETWORK)
    assert all("nodePort" not in port for port in plain["spec"]["ports"])
