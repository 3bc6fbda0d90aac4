"""Scheduling, namespaces, garbage, nodes, load balancers and events: short scripts."""

from __future__ import annotations

from typing import Any

import pytest

from lateen.localcluster.controllers.events import EVENT_TTL, event_name, event_of
from lateen.localcluster.controllers.garbage import GARBAGE
from lateen.localcluster.controllers.model import Create, Object, Report, Update, rfc3339
from lateen.localcluster.controllers.namespaces import namespace_controller
from lateen.localcluster.controllers.nodes import NODES, POD_GC
from lateen.localcluster.controllers.scheduler import SCHEDULER
from lateen.localcluster.controllers.services import LOAD_BALANCER
from tests.localcluster.controllers.world import START, World

NAMESPACES = namespace_controller("PEM")


def pod(**spec: Any) -> Object:
    return {"metadata": {"name": "p", "namespace": "a"}, "spec": spec}


def node(name: str = "lateen", **spec: Any) -> Object:
    return {"metadata": {"name": name, "labels": {"disk": "ssd"}}, "spec": spec}


# Scheduling


def test_a_pod_is_put_on_the_node_and_one_that_names_a_node_is_left_there() -> None:
    world = World()
    world.put("Node", node())
    world.put("Pod", pod())
    assert world.run(SCHEDULER) == ["bind p lateen", "Scheduled: Successfully assigned a/p to lateen"]

    world.put("Pod", pod(nodeName="elsewhere"))
    assert world.run(SCHEDULER) == []


TAINT = {"key": "k", "value": "v", "effect": "NoSchedule"}


@pytest.mark.parametrize(
    ("wish", "machine", "why"),
    [
        ({"nodeSelector": {"disk": "hdd"}}, {}, "didn't match Pod's node affinity/selector"),
        ({}, {"unschedulable": True}, "were unschedulable"),
        ({}, {"taints": [TAINT]}, "had untolerated taint {k: v}"),
    ],
)
def test_a_pod_that_no_node_accepts_says_why(wish: Object, machine: Object, why: str) -> None:
    world = World()
    world.put("Node", node(**machine))
    world.put("Pod", pod(**wish))

    message = f"0/1 nodes are available: 1 node(s) {why}."
    assert world.run(SCHEDULER) == [f"FailedScheduling: {message}"]
    (condition,) = world.objects["Pod", "a", "p"]["status"]["conditions"]
    assert (condition["reason"], condition["message"]) == ("Unschedulable", message)


def affinity(*expressions: Object) -> Object:
    required = {"nodeSelectorTerms": [{"matchExpressions": list(expressions)}]}
    return {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}}


@pytest.mark.parametrize(
    ("wish", "machine"),
    [
        ({"nodeSelector": {"disk": "ssd"}}, {}),
        (affinity({"key": "disk", "operator": "In", "values": ["ssd"]}), {}),
        (affinity({"key": "gpu", "operator": "DoesNotExist"}), {}),
        ({"tolerations": [{"key": "k", "operator": "Exists"}]}, {"taints": [TAINT]}),
        ({"tolerations": [{"key": "k", "value": "v", "effect": "NoSchedule"}]}, {"taints": [TAINT]}),
        ({"tolerations": [{"operator": "Exists"}]}, {"taints": [TAINT], "unschedulable": True}),
        ({}, {"taints": [{**TAINT, "effect": "PreferNoSchedule"}]}),
    ],
)
def test_wishes_that_the_node_fulfils(wish: Object, machine: Object) -> None:
    world = World()
    world.put("Node", node(**machine))
    world.put("Pod", pod(**wish))

    assert world.run(SCHEDULER)[0] == "bind p lateen"


@pytest.mark.parametrize(
    "wish",
    [
        affinity({"key": "disk", "operator": "NotIn", "values": ["ssd"]}),
        affinity({"key": "disk", "operator": "Like", "values": ["ssd"]}),
        affinity(),
        {"tolerations": [{"key": "k", "value": "other"}], "nodeSelector": {"x": "y"}},
    ],
)
def test_wishes_that_it_does_not(wish: Object) -> None:
    world = World()
    world.put("Node", node())
    world.put("Pod", pod(**wish))

    assert world.run(SCHEDULER)[0].startswith("FailedScheduling")


def test_waiting_pods_are_looked_at_again_when_a_node_comes_or_changes_but_not_at_its_heartbeats() -> None:
    world = World()
    world.put("Pod", pod(nodeSelector={"disk": "hdd"}))
    assert world.run(SCHEDULER) == ["FailedScheduling: no nodes available to schedule pods"]
    stored = world.put("Node", node())
    world.run(SCHEDULER)
    world.put("Node", {**stored, "status": {"beat": 1}})
    assert world.run(SCHEDULER) == []
    labelled = {**stored["metadata"], "labels": {"disk": "hdd"}}
    world.put("Node", {**stored, "metadata": labelled})
    assert world.run(SCHEDULER)[0] == "bind p lateen"


# Namespaces


def test_a_namespace_gets_its_account_and_the_ca_and_gets_them_back() -> None:
    world = World()
    world.put("Namespace", {"metadata": {"name": "a"}})
    assert world.run(NAMESPACES) == ["create ServiceAccount default", "create ConfigMap kube-root-ca.crt"]

    world.remove("ServiceAccount", "a", "default")
    stored = world.objects["ConfigMap", "a", "kube-root-ca.crt"]
    world.put("ConfigMap", {**stored, "data": {"ca.crt": "forged"}})
    assert world.run(NAMESPACES) == ["create ServiceAccount default", "update ConfigMap kube-root-ca.crt"]


def test_a_namespace_goes_after_everything_in_it_has_gone() -> None:
    world = World()
    world.put("Namespace", {"metadata": {"name": "a"}, "spec": {"finalizers": ["kubernetes"]}})
    world.run(NAMESPACES)
    slow = pod()
    slow["metadata"] = {**slow["metadata"], "finalizers": ["still/here"]}
    world.put("Pod", slow)
    stored = world.objects["Namespace", "", "a"]
    world.put("Namespace", {**stored, "metadata": {**stored["metadata"], "deletionTimestamp": rfc3339(world.now)}})

    assert world.run(NAMESPACES) == [
        "delete Pod p Background",
        "delete ConfigMap kube-root-ca.crt Background",
        "delete ServiceAccount default Background",
    ]
    world.remove("Pod", "a", "p")
    assert world.run(NAMESPACES) == ["update Namespace a finalize"]


# Garbage


def owned(kind: str, name: str, *owners: str, namespace: str = "a", block: bool = True) -> Object:
    references = [
        {"apiVersion": "v1", "kind": "X", "name": owner, "uid": f"uid-{owner}", "blockOwnerDeletion": block}
        for owner in owners
    ]
    meta: Object = {"name": name, "namespace": namespace, "uid": f"uid-{name}"}
    return {"metadata": {**meta, "ownerReferences": references} if references else meta}


def family() -> World:
    """top <- middle <- leaf, and `both` that belongs to top and to other."""
    world = World()
    world.put("Deployment", owned("Deployment", "top"))
    world.put("Deployment", owned("Deployment", "other"))
    world.put("ReplicaSet", owned("ReplicaSet", "middle", "top"))
    world.put("Pod", owned("Pod", "leaf", "middle"))
    world.put("Pod", owned("Pod", "both", "top", "other"))
    assert world.run(GARBAGE) == []
    return world


def left(world: World) -> list[str]:
    return sorted(where[2] for where in world.objects)


def test_background_dependents_follow_their_last_owner() -> None:
    world = family()
    world.delete("Deployment", "a", "top")
    world.run(GARBAGE)

    assert left(world) == ["both", "other"]
    (reference,) = world.objects["Pod", "a", "both"]["metadata"]["ownerReferences"]
    assert reference["name"] == "other"


def test_foreground_the_owner_goes_last() -> None:
    world = family()
    world.delete("Deployment", "a", "top", "Foreground")

    said = world.run(GARBAGE)
    assert left(world) == ["both", "other"]
    order = [line for line in said if line.startswith("delete") or "top" in line]
    assert order[0] == "delete ReplicaSet middle Foreground"
    assert order[-1] == "update Deployment top"


def test_orphan_dependents_are_cut_loose_and_stay() -> None:
    world = family()
    world.delete("Deployment", "a", "top", "Orphan")
    world.run(GARBAGE)

    assert left(world) == ["both", "leaf", "middle", "other"]
    assert "ownerReferences" not in world.objects["ReplicaSet", "a", "middle"]["metadata"]


def test_an_owner_of_the_same_name_but_another_uid_or_in_another_namespace_is_none() -> None:
    world = World()
    world.put("Deployment", {"metadata": {"name": "top", "namespace": "a", "uid": "uid-reborn"}})
    world.put("Deployment", owned("Deployment", "far", namespace="b"))
    world.put("ReplicaSet", owned("ReplicaSet", "stale", "top"))
    world.put("ReplicaSet", owned("ReplicaSet", "foreign", "far"))
    world.run(GARBAGE)

    assert left(world) == ["far", "top"]


# Nodes


def test_a_node_without_a_heartbeat_is_not_known_to_be_ready_and_its_pods_are_left_alone() -> None:
    world = World()
    created = {"name": "lateen", "creationTimestamp": rfc3339(START)}
    world.put("Node", {"metadata": created, "status": {"conditions": [{"type": "Ready", "status": "True"}]}})
    world.put("Pod", pod(nodeName="lateen"))
    world.put(
        "Lease",
        {"metadata": {"name": "lateen", "namespace": "kube-node-lease"}, "spec": {"renewTime": rfc3339(START + 20)}},
    )
    assert world.run(NODES, POD_GC) == []

    world.now = START + 50
    assert world.reconcile(NODES, ("", "lateen")) == 11
    world.now = START + 61
    world.reconcile(NODES, ("", "lateen"))
    (condition,) = world.objects["Node", "", "lateen"]["status"]["conditions"]
    assert (condition["status"], condition["reason"]) == ("Unknown", "NodeStatusUnknown")
    assert world.run(NODES, POD_GC) == []


def test_pods_of_a_node_that_is_gone_go() -> None:
    world = World()
    world.put("Node", node())
    world.put("Pod", pod(nodeName="lateen"))
    world.run(POD_GC)
    world.remove("Node", "", "lateen")

    assert world.run(POD_GC) == ["delete Pod p"]


# Services


def test_a_load_balancer_has_its_own_address_and_loses_it_with_its_type() -> None:
    world = World()
    service = {"metadata": {"name": "s", "namespace": "a"}, "spec": {"type": "LoadBalancer", "clusterIP": "10.0.0.7"}}
    stored = world.put("Service", service)
    world.run(LOAD_BALANCER)
    assert world.objects["Service", "a", "s"]["status"]["loadBalancer"]["ingress"][0]["ip"] == "10.0.0.7"

    world.put("Service", {**stored, "spec": {"type": "ClusterIP", "clusterIP": "10.0.0.7"}})
    world.run(LOAD_BALANCER)
    assert world.objects["Service", "a", "s"].get("status", {}).get("loadBalancer", {}) == {}


# Events


def report(text: str = "Created pod: x") -> Report:
    meta = {"name": "rs", "namespace": "a", "uid": "u"}
    return Report({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": meta}, "SuccessfulCreate", text)


def test_an_event_names_its_object_and_an_equal_one_only_counts() -> None:
    first = event_of(report(), "replicaset-controller", None, START)
    assert isinstance(first, Create)
    assert first.obj["involvedObject"] == {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "namespace": "a",
        "name": "rs",
        "uid": "u",
    }
    again = event_of(report(), "replicaset-controller", first.obj, START + 5)
    assert isinstance(again, Update)
    assert (again.obj["count"], again.obj["lastTimestamp"]) == (2, rfc3339(START + 5))
    assert event_name(report("other"), "c") != event_name(report(), "c")


def test_an_event_is_forgotten_an_hour_after_its_last_time() -> None:
    world = World()
    meta = {"name": "e", "namespace": "a"}
    stored = world.put("Event", {"metadata": meta, "lastTimestamp": rfc3339(START)})
    assert world.reconcile(EVENT_TTL, ("a", "e")) == 3601
    world.put("Event", {**stored, "lastTimestamp": rfc3339(START + 60)})
    world.now = START + 3601
    assert world.reconcile(EVENT_TTL, ("a", "e")) == 60
    world.now += 60
    world.reconcile(EVENT_TTL, ("a", "e"))
    assert world.list("Event") == []
