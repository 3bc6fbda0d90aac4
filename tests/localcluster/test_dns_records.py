"""Names of the mesh and their answers."""

from __future__ import annotations

from typing import Any

from lateen.localcluster.dns_records import Zone, answer, is_ours, make_zone
from lateen.localcluster.network_services import slices_by_service

DOMAIN = "cluster.local"
RANGES = ("10.128.0.0/16", "10.129.0.0/16")


def service(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "shop"}, "spec": spec}


def zone() -> Zone:
    endpoints = [
        {"addresses": ["10.128.1.4"], "conditions": {"ready": True}, "hostname": "db-0"},
        {"addresses": ["10.128.1.5"], "conditions": {"ready": True}},
        {"addresses": ["10.128.1.6"], "conditions": {"ready": False}},
    ]
    meta = {"name": "db-x", "namespace": "shop", "labels": {"kubernetes.io/service-name": "db"}}
    slices = [{"metadata": meta, "endpoints": endpoints, "ports": [{"name": "sql", "port": 5432}]}]
    services = [
        service("web", clusterIP="10.129.0.7", ports=[{"name": "http", "port": 80}]),
        service("db", clusterIP="None"),
        service("out", type="ExternalName", externalName="Example.org."),
        service("alias", type="ExternalName", externalName="web.shop.svc.cluster.local"),
        service("loop", type="ExternalName", externalName="loop.shop.svc.cluster.local"),
    ]
    return make_zone(DOMAIN, RANGES, services, slices_by_service(slices))


def data(name: str, kind: str = "A") -> list[str]:
    return sorted(record.data for record in answer(zone(), name, kind).records)


def test_a_service_has_address_port_and_reverse_name() -> None:
    assert data("web.shop.svc.cluster.local") == ["10.129.0.7"]
    assert data("7.0.129.10.in-addr.arpa", "PTR") == ["web.shop.svc.cluster.local"]
    found = answer(zone(), "_http._tcp.web.shop.svc.cluster.local", "SRV")
    assert [(record.data, record.port) for record in found.records] == [("web.shop.svc.cluster.local", 80)]
    assert [record.data for record in found.extra] == ["10.129.0.7"]


def test_a_headless_service_has_its_ready_pods_by_name_and_by_address() -> None:
    assert data("db.shop.svc.cluster.local") == ["10.128.1.4", "10.128.1.5"]
    assert data("db-0.db.shop.svc.cluster.local") == ["10.128.1.4"]
    assert data("10-128-1-5.db.shop.svc.cluster.local") == ["10.128.1.5"]
    assert data("4.1.128.10.in-addr.arpa", "PTR") == ["db-0.db.shop.svc.cluster.local"]
    targets = answer(zone(), "_sql._tcp.db.shop.svc.cluster.local", "SRV").records
    assert {(record.data, record.port) for record in targets} == {
        ("db-0.db.shop.svc.cluster.local", 5432),
        ("10-128-1-5.db.shop.svc.cluster.local", 5432),
    }


def test_not_ready_pods_are_published_on_request() -> None:
    meta = {"name": "x", "namespace": "shop", "labels": {"kubernetes.io/service-name": "early"}}
    slices = [
        {"metadata": meta, "endpoints": [{"addresses": ["10.128.1.9"], "conditions": {"ready": False}}], "ports": []}
    ]
    early = make_zone(
        DOMAIN, RANGES, [service("early", clusterIP="None", publishNotReadyAddresses=True)], slices_by_service(slices)
    )

    assert [row.data for row in answer(early, "early.shop.svc.cluster.local", "A").records] == ["10.128.1.9"]


def test_pods_have_names_made_of_their_addresses() -> None:
    assert data("10-128-3-4.shop.pod.cluster.local") == ["10.128.3.4"]
    assert not answer(zone(), "192-0-2-1.shop.pod.cluster.local", "A").found
    assert not answer(zone(), "a-b-c-d.shop.pod.cluster.local", "A").found


def test_an_external_name_is_an_alias_that_may_lead_outside() -> None:
    outside = answer(zone(), "out.shop.svc.cluster.local", "A")

    assert (outside.outside, [record.data for record in outside.records]) == ("example.org", ["Example.org"])
    assert data("alias.shop.svc.cluster.local") == ["10.129.0.7", "web.shop.svc.cluster.local"]
    assert answer(zone(), "loop.shop.svc.cluster.local", "A").found, "an endless alias ends"


def test_names_that_exist_have_empty_answers_and_others_do_not_exist() -> None:
    for name in (
        "web.shop.svc.cluster.local",
        "shop.svc.cluster.local",
        "svc.cluster.local",
        "_tcp.web.shop.svc.cluster.local",
    ):
        found = answer(zone(), name, "AAAA")
        assert (found.found, found.records) == (True, ()), name
    assert not answer(zone(), "nope.shop.svc.cluster.local", "A").found


def test_only_the_mesh_answers_for_its_names() -> None:
    assert is_ours(zone(), "anything.cluster.local")
    assert is_ours(zone(), "9.9.128.10.in-addr.arpa")
    assert not is_ours(zone(), "9.9.8.10.in-addr.arpa")
    assert not is_ours(zone(), "example.org")
    assert not is_ours(zone(), "notcluster.local")
