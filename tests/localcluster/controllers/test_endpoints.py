"""Endpoints: pods in, slices and the older Endpoints object out."""

from __future__ import annotations

from typing import Any

from lateen.localcluster.controllers.endpoints import ENDPOINTS
from lateen.localcluster.controllers.mirroring import MIRRORING
from lateen.localcluster.controllers.model import Object
from tests.localcluster.controllers.world import World, ready


def service(**spec: Any) -> Object:
    ports = [{"name": "http", "port": 80, "targetPort": "web", "protocol": "TCP"}]
    meta = {"name": "s", "namespace": "a", "labels": {"team": "x"}}
    return {"metadata": meta, "spec": {"selector": {"app": "x"}, "ports": ports, "clusterIP": "10.0.0.9", **spec}}


def pod(name: str, port: int = 8080, **spec: Any) -> Object:
    container = {"name": "c", "ports": [{"name": "web", "containerPort": port}]}
    meta = {"name": name, "namespace": "a", "labels": {"app": "x"}}
    return {"metadata": meta, "spec": {"nodeName": "n", "containers": [container], **spec}}


def world(*pods: Object, **spec: Any) -> World:
    made = World()
    made.put("Service", service(**spec))
    for number, item in enumerate(pods, 1):
        made.put("Pod", ready(item, made, address=f"10.1.0.{number}"))
    made.run(ENDPOINTS)
    return made


def shown(cluster: World) -> dict[str, str]:
    """address -> which of r(eady), s(erving), t(erminating) hold, over all slices."""
    found = {}
    for item in cluster.list("EndpointSlice"):
        for endpoint in item["endpoints"]:
            conditions = endpoint["conditions"]
            letters = [name[0] for name in ("ready", "serving", "terminating") if conditions[name]]
            found[endpoint["addresses"][0]] = "".join(letters)
    return found


def test_ready_pods_are_listed_with_resolved_ports_and_their_identity() -> None:
    cluster = world(pod("p1"), pod("p2"))

    (found,) = cluster.list("EndpointSlice")
    assert found["ports"] == [{"name": "http", "protocol": "TCP", "port": 8080}]
    assert found["metadata"]["labels"]["kubernetes.io/service-name"] == "s"
    assert found["metadata"]["labels"]["team"] == "x"
    assert found["metadata"]["ownerReferences"][0]["kind"] == "Service"
    assert found["endpoints"][0]["targetRef"]["name"] == "p1"
    assert found["endpoints"][0]["nodeName"] == "n"
    assert shown(cluster) == {"10.1.0.1": "rs", "10.1.0.2": "rs"}
    (endpoints,) = cluster.list("Endpoints")
    assert [item["ip"] for item in endpoints["subsets"][0]["addresses"]] == ["10.1.0.1", "10.1.0.2"]


def test_a_pod_that_is_not_ready_is_listed_as_such_and_one_that_terminates_still_serves() -> None:
    cluster = world(pod("p1"), pod("p2"))
    first, second = cluster.list("Pod")
    cluster.put("Pod", ready(first, cluster, is_ready=False))
    going = {**second["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}
    cluster.put("Pod", {**second, "metadata": going})
    cluster.run(ENDPOINTS)

    assert shown(cluster) == {"10.1.0.1": "", "10.1.0.2": "st"}
    (endpoints,) = cluster.list("Endpoints")
    (subset,) = endpoints["subsets"]
    assert [item["ip"] for item in subset["notReadyAddresses"]] == ["10.1.0.1"]
    assert "addresses" not in subset


def test_publish_not_ready_addresses_makes_every_pod_ready() -> None:
    cluster = World()
    cluster.put("Service", service(publishNotReadyAddresses=True, clusterIP="None"))
    cluster.put("Pod", ready(pod("p1", hostname="h", subdomain="s"), cluster, is_ready=False, address="10.1.0.1"))
    cluster.run(ENDPOINTS)

    assert shown(cluster) == {"10.1.0.1": "r"}
    (found,) = cluster.list("EndpointSlice")
    assert found["endpoints"][0]["hostname"] == "h"
    assert "service.kubernetes.io/headless" in found["metadata"]["labels"]


def test_pods_that_resolve_a_named_port_differently_are_in_slices_of_their_own() -> None:
    cluster = world(pod("p1", 8080), pod("p2", 9090), pod("p3", 8080))

    ports = {item["ports"][0]["port"]: len(item["endpoints"]) for item in cluster.list("EndpointSlice")}
    assert ports == {8080: 2, 9090: 1}


def test_a_named_port_that_a_pod_lacks_is_left_out_for_that_pod() -> None:
    lacking = pod("p1", containers=[{"name": "c"}])
    cluster = world(lacking)

    (found,) = cluster.list("EndpointSlice")
    assert found["ports"] == []


def test_a_named_port_of_a_native_sidecar_counts() -> None:
    sidecar = {"name": "s", "restartPolicy": "Always", "ports": [{"name": "web", "containerPort": 7}]}
    cluster = world(pod("p1", containers=[{"name": "c"}], initContainers=[sidecar]))

    assert cluster.list("EndpointSlice")[0]["ports"][0]["port"] == 7


def test_a_service_that_selects_nothing_has_an_empty_slice_and_one_without_selector_is_left_alone() -> None:
    assert world().list("EndpointSlice")[0]["endpoints"] == []
    manual = World()
    manual.put("Service", service(selector=None))
    subset = {"addresses": [{"ip": "1.2.3.4"}]}
    manual.put("Endpoints", {"metadata": {"name": "s", "namespace": "a"}, "subsets": [subset]})
    assert manual.run(ENDPOINTS) == []


def test_a_finished_pod_or_one_without_address_is_no_endpoint() -> None:
    cluster = world(pod("p1"))
    (found,) = cluster.list("Pod")
    cluster.put("Pod", {**found, "status": {**found["status"], "phase": "Succeeded"}})
    cluster.put("Pod", pod("p2"))
    cluster.run(ENDPOINTS)

    assert shown(cluster) == {}


def test_a_change_that_says_nothing_new_wakes_nobody() -> None:
    cluster = world(pod("p1"))
    (found,) = cluster.list("Pod")
    cluster.put("Pod", {**found, "metadata": {**found["metadata"], "annotations": {"a": "b"}}})

    assert cluster.run(ENDPOINTS) == []


def test_a_pod_that_loses_the_label_leaves_the_slice() -> None:
    cluster = world(pod("p1"), pod("p2"))
    first, _ = cluster.list("Pod")
    cluster.put("Pod", {**first, "metadata": {**first["metadata"], "labels": {}}})
    (name,) = [item["metadata"]["name"] for item in cluster.list("EndpointSlice")]

    assert cluster.run(ENDPOINTS) == [f"update EndpointSlice {name}", "update Endpoints s"]
    assert shown(cluster) == {"10.1.0.2": "rs"}


def test_what_a_deleted_service_leaves_is_removed_and_a_removed_slice_comes_back() -> None:
    cluster = world(pod("p1"))
    (found,) = cluster.list("EndpointSlice")
    cluster.remove("EndpointSlice", "a", found["metadata"]["name"])
    cluster.run(ENDPOINTS)
    assert len(cluster.list("EndpointSlice")) == 1

    cluster.remove("Service", "a", "s")
    cluster.run(ENDPOINTS)
    assert cluster.list("EndpointSlice") == cluster.list("Endpoints") == []


def test_more_addresses_than_a_slice_may_hold_are_divided() -> None:
    cluster = World()
    cluster.put("Service", service())
    for number in range(1001):
        made = ready(pod(f"p{number}"), cluster, address=f"10.1.{number // 250}.{number % 250}")
        cluster.put("Pod", made, quiet=True)
    cluster.run(ENDPOINTS)

    assert sorted(len(item["endpoints"]) for item in cluster.list("EndpointSlice")) == [1, 1000]


def test_a_selector_that_matches_nothing_is_said_once_and_not_at_once() -> None:
    cluster = world()
    assert cluster.reconcile(ENDPOINTS, ("a", "s")) is not None
    cluster.now += 11
    cluster.said = []
    cluster.reconcile(ENDPOINTS, ("a", "s"))

    assert cluster.said == [
        "NoPodsSelected: selector app=x matches no pod in namespace a: compare it with "
        "`kubectl get pods -n a --show-labels`"
    ]


def manual(**labels: str) -> World:
    cluster = World()
    cluster.put("Service", service(selector=None))
    subset = {
        "addresses": [{"ip": "192.0.2.1"}],
        "notReadyAddresses": [{"ip": "192.0.2.2"}],
        "ports": [{"name": "http", "port": 81}],
    }
    meta = {"name": "s", "namespace": "a", "labels": labels}
    cluster.put("Endpoints", {"metadata": meta, "subsets": [subset]})
    cluster.run(MIRRORING)
    return cluster


def test_hand_written_endpoints_are_mirrored_into_a_slice_and_follow_changes() -> None:
    cluster = manual()
    (found,) = cluster.list("EndpointSlice")
    assert [(item["addresses"], item["conditions"]["ready"]) for item in found["endpoints"]] == [
        (["192.0.2.1"], True),
        (["192.0.2.2"], False),
    ]
    assert found["ports"] == [{"name": "http", "protocol": "TCP", "port": 81}]

    cluster.put("Service", service())
    assert cluster.run(MIRRORING) == ["delete EndpointSlice s-mirrored-0"]


def test_endpoints_with_slices_of_their_own_are_not_mirrored() -> None:
    cluster = manual(**{"endpointslice.kubernetes.io/skip-mirror": "true"})
    assert cluster.list("EndpointSlice") == []
