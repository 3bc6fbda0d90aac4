"""Services and EndpointSlices as rows of the map."""

from __future__ import annotations

from typing import Any

from lateen.localcluster.network_plan import Backend, MeshPlan
from lateen.localcluster.network_services import service_ports, slices_by_service

PLAN = MeshPlan(
    prefix="lt0",
    netns="lt0-mesh",
    pod_cidr="10.128.0.0/16",
    service_cidr="10.129.0.0/16",
    gateway="10.128.0.1",
    host_address="10.128.255.1",
    mesh_address="10.128.255.2",
    dns_address="10.129.0.10",
    kubernetes_address="10.129.0.1",
    api_port=6443,
)


def service(**spec: Any) -> dict[str, Any]:
    ports = [{"name": "http", "port": 80}]
    return {"metadata": {"name": "web", "namespace": "n"}, "spec": {"clusterIP": "10.129.0.5", "ports": ports, **spec}}


def slice_of(*endpoints: dict[str, Any], port: int = 8080) -> dict[str, Any]:
    meta = {"name": "web-1", "namespace": "n", "labels": {"kubernetes.io/service-name": "web"}}
    return {"metadata": meta, "endpoints": list(endpoints), "ports": [{"name": "http", "port": port}]}


def endpoint(address: str, **conditions: bool) -> dict[str, Any]:
    return {"addresses": [address], "conditions": conditions}


def backends(obj: dict[str, Any], *slices: dict[str, Any]) -> list[tuple[str, int, tuple[Backend, ...]]]:
    rows = service_ports(PLAN, [obj], slices_by_service(slices)).values()
    return sorted((row.address, row.port, row.backends) for row in rows)


def test_only_ready_endpoints_take_traffic() -> None:
    given = slice_of(endpoint("10.128.1.1", ready=True), endpoint("10.128.1.2", ready=False), endpoint("10.128.1.3"))

    assert backends(service(), given) == [
        ("10.129.0.5", 80, (Backend("10.128.1.1", 8080), Backend("10.128.1.3", 8080)))
    ]


def test_when_all_are_going_those_that_still_serve_are_used() -> None:
    ending = endpoint("10.128.1.2", ready=False, serving=True, terminating=True)

    assert backends(service(), slice_of(ending))[0][2] == (Backend("10.128.1.2", 8080),)
    assert backends(service(), slice_of(ending, endpoint("10.128.1.1", ready=True)))[0][2] == (
        Backend("10.128.1.1", 8080),
    )


def test_not_ready_addresses_are_published_on_request() -> None:
    assert backends(service(publishNotReadyAddresses=True), slice_of(endpoint("10.128.1.2", ready=False)))[0][2]


def test_every_address_of_a_service_has_a_row() -> None:
    obj = service(externalIPs=["192.0.2.7"], ports=[{"name": "http", "port": 80, "nodePort": 30080}])
    given = slice_of(endpoint("10.128.1.1", ready=True))

    assert [(row[0], row[1]) for row in backends(obj, given)] == [
        ("10.128.255.2", 30080),
        ("10.129.0.5", 80),
        ("192.0.2.7", 80),
    ]


def test_hand_written_nonsense_and_the_meshs_own_services_have_no_rows() -> None:
    assert backends(service(), slice_of(endpoint("1.2.3.4; flush ruleset", ready=True)))[0][2] == ()
    assert backends(service(clusterIP="None")) == []
    assert backends(service(clusterIP="10.129.0.10")) == []
    assert backends(service(ports=[{"name": "s", "port": 1, "protocol": "SCTP"}])) == []
