"""ReplicaSets: creating, adopting, releasing and choosing whom to remove."""

from __future__ import annotations

from typing import Any

from lateen.localcluster.controllers.model import Object, rfc3339
from lateen.localcluster.controllers.pods import removal_rank
from lateen.localcluster.controllers.replicaset import REPLICASET
from tests.localcluster.controllers.world import World, ready


def replica_set(replicas: int, **spec: Any) -> Object:
    template = {"metadata": {"labels": {"app": "x"}, "annotations": {"k": "v"}}, "spec": {"containers": []}}
    return {
        "metadata": {"name": "rs", "namespace": "a", "uid": "uid-rs", "generation": 1},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "x"}}, "template": template, **spec},
    }


def pod(name: str, **labels: str) -> Object:
    return {"metadata": {"name": name, "namespace": "a", "labels": labels or {"app": "x"}}, "spec": {}}


def owned(world: World) -> list[str]:
    pods = world.list("Pod")
    return [item["metadata"]["name"] for item in pods if item["metadata"].get("ownerReferences")]


def status(world: World) -> Object:
    found = world.objects["ReplicaSet", "a", "rs"]["status"]
    assert isinstance(found, dict)
    return found


def test_pods_carry_the_templates_metadata_and_their_owner() -> None:
    world = World()
    world.put("ReplicaSet", replica_set(1))
    world.run(REPLICASET)

    (made,) = world.list("Pod")
    meta = made["metadata"]
    assert meta["generateName"] == "rs-"
    assert (meta["labels"], meta["annotations"]) == ({"app": "x"}, {"k": "v"})
    assert meta["ownerReferences"][0] == {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "name": "rs",
        "uid": "uid-rs",
        "controller": True,
        "blockOwnerDeletion": True,
    }


def test_an_orphan_is_adopted_before_a_new_pod_is_made() -> None:
    world = World()
    world.put("Pod", pod("orphan"))
    world.put("Pod", pod("other", app="y"))
    world.put("ReplicaSet", replica_set(1))

    assert world.run(REPLICASET) == ["update Pod orphan"]
    assert owned(world) == ["orphan"]


def test_a_pod_that_matches_no_more_is_released_and_replaced() -> None:
    world = World()
    world.put("ReplicaSet", replica_set(1))
    world.run(REPLICASET)
    (made,) = world.list("Pod")
    world.put("Pod", {**made, "metadata": {**made["metadata"], "labels": {"app": "debug"}}})
    said = world.run(REPLICASET)

    assert f"update Pod {made['metadata']['name']}" in said
    assert len(world.list("Pod")) == 2
    assert made["metadata"]["name"] not in owned(world)


def test_a_finished_or_terminating_pod_is_replaced() -> None:
    world = World()
    world.put("ReplicaSet", replica_set(2))
    world.run(REPLICASET)
    first, second = world.list("Pod")
    world.put("Pod", {**first, "status": {"phase": "Failed"}})
    world.put("Pod", {**second, "metadata": {**second["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}})
    said = world.run(REPLICASET)

    assert sum(line.startswith("create Pod") for line in said) == 2


def test_available_means_ready_for_long_enough() -> None:
    world = World()
    world.put("ReplicaSet", replica_set(1, minReadySeconds=10))
    world.run(REPLICASET)
    world.put("Pod", ready(world.list("Pod")[0], world))
    world.run(REPLICASET)
    assert (status(world)["readyReplicas"], status(world).get("availableReplicas")) == (1, None)

    world.now += 4
    assert world.reconcile(REPLICASET, ("a", "rs")) == 6
    world.now += 6
    world.reconcile(REPLICASET, ("a", "rs"))
    assert status(world)["availableReplicas"] == 1


def test_after_a_refusal_one_pod_goes_first_and_the_condition_says_why() -> None:
    world = World()
    world.put("ReplicaSet", replica_set(3))
    world.failure = "quota"
    world.pending = []
    world.reconcile(REPLICASET, ("a", "rs"))

    assert len(world.list("Pod")) == 1
    (condition,) = status(world)["conditions"]
    assert (condition["type"], condition["reason"], condition["message"]) == ("ReplicaFailure", "FailedCreate", "quota")


def test_a_webhook_that_comes_up_wakes_replica_sets_whose_pods_were_refused() -> None:
    world = World()
    failed = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "no endpoints"}
    world.put("ReplicaSet", {**replica_set(1), "status": {"conditions": [failed]}})
    world.pending = []
    world.put("EndpointSlice", {"metadata": {"name": "istiod-1", "namespace": "istio-system"}})

    assert any(line.startswith("create Pod rs-") for line in world.run(REPLICASET))
    assert "conditions" not in status(world)


def test_who_goes_first_when_there_are_too_many() -> None:
    world = World()
    base = {"status": {"phase": "Running"}, "spec": {"nodeName": "n"}}
    unassigned = {**pod("unassigned"), "spec": {}}
    pending = {**pod("pending"), **base, "status": {"phase": "Pending"}}
    not_ready = {**pod("not-ready"), **base}
    cheap = ready({**pod("cheap"), **base}, world)
    cheap["metadata"] = {**cheap["metadata"], "annotations": {"controller.kubernetes.io/pod-deletion-cost": "-5"}}
    old = ready({**pod("old"), **base}, world)
    old["metadata"] = {**old["metadata"], "creationTimestamp": rfc3339(world.now - 100)}
    young = ready({**pod("young"), **base}, world)
    young["metadata"] = {**young["metadata"], "creationTimestamp": rfc3339(world.now)}

    order = sorted([old, young, cheap, not_ready, pending, unassigned], key=removal_rank)
    assert [item["metadata"]["name"] for item in order] == [
        "unassigned",
        "pending",
        "not-ready",
        "cheap",
        "young",
        "old",
    ]


def test_a_replica_set_that_is_going_away_makes_nothing_new() -> None:
    world = World()
    going = replica_set(3)
    going["metadata"] = {**going["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["x"]}
    world.put("ReplicaSet", going)

    assert world.run(REPLICASET) == []
