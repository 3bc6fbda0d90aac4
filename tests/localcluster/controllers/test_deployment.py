"""Rolling updates as scripts: after each step, how many pods each ReplicaSet wants and how many are available."""

from __future__ import annotations

from typing import Any

import pytest

from lateen.localcluster.controllers.deployment import DEPLOYMENT
from lateen.localcluster.controllers.deployment_rolling import Count, bounds, grown, shrunk
from lateen.localcluster.controllers.deployment_sets import REVISION, template_hash
from lateen.localcluster.controllers.model import Object
from lateen.localcluster.controllers.replicaset import REPLICASET
from tests.localcluster.controllers.world import World, all_ready, deployment

ROLLING = (DEPLOYMENT, REPLICASET)


def sizes(world: World) -> list[tuple[int, int]]:
    """(wanted, available) of each ReplicaSet, oldest first."""
    found = sorted(world.list("ReplicaSet"), key=lambda item: int(item["metadata"]["uid"].removeprefix("uid-")))
    return [(item["spec"]["replicas"], (item.get("status") or {}).get("availableReplicas", 0)) for item in found]


def status(world: World) -> Object:
    found = world.objects["Deployment", "a", "web"].get("status") or {}
    assert isinstance(found, dict)
    return found


def reason(world: World, kind: str) -> str:
    return next((item["reason"] for item in status(world)["conditions"] if item["type"] == kind), "")


def rolled_out(replicas: int = 3, **spec: Any) -> World:
    world = World()
    world.put("Deployment", deployment(replicas, **spec))
    world.run(*ROLLING)
    all_ready(world)
    world.run(*ROLLING)
    return world


def change(world: World, **fields: Any) -> None:
    current = world.objects["Deployment", "a", "web"]
    world.put("Deployment", {**current, "spec": {**current["spec"], **fields}})


def image(name: str) -> Object:
    template = deployment(image=name)["spec"]["template"]
    assert isinstance(template, dict)
    return template


def test_a_new_deployment_makes_one_replica_set_and_its_pods() -> None:
    world = World()
    world.put("Deployment", deployment(2))
    said = world.run(*ROLLING)

    name = f"web-{template_hash(deployment(2))}"
    assert said[0] == f"create ReplicaSet {name}"
    assert sum(line.startswith(f"create Pod {name}-") for line in said) == 2
    assert reason(world, "Progressing") == "ReplicaSetUpdated"
    assert reason(world, "Available") == "MinimumReplicasUnavailable"
    all_ready(world)
    world.run(*ROLLING)
    assert status(world)["availableReplicas"] == 2
    assert reason(world, "Progressing") == "NewReplicaSetAvailable"


def test_at_rest_nothing_is_done_however_often_one_looks() -> None:
    world = rolled_out()
    world.said = []
    for controller in ROLLING:
        for item in world.list("ReplicaSet") + world.list("Deployment"):
            world.reconcile(controller, ("a", item["metadata"]["name"]))
    assert world.said == []
    assert world.pending == []


def test_a_rolling_update_step_by_step() -> None:
    world = rolled_out(4, strategy={"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}})
    change(world, template=image("v2"))

    steps = []
    for _ in range(10):
        world.run(*ROLLING)
        steps.append(sizes(world))
        if steps[-1] == [(0, 0), (4, 4)]:
            break
        all_ready(world)

    assert steps == [
        [(3, 3), (2, 0)],
        [(1, 1), (4, 2)],
        [(0, 0), (4, 4)],
    ]
    assert reason(world, "Progressing") == "NewReplicaSetAvailable"


def test_a_new_version_that_never_gets_ready_leaves_the_old_one_serving() -> None:
    world = rolled_out(4)
    change(world, template=image("broken"))
    world.run(*ROLLING)

    assert sizes(world) == [(3, 3), (2, 0)]
    assert status(world)["availableReplicas"] == 3


def test_a_rollout_that_does_not_advance_is_called_late_after_its_deadline() -> None:
    world = rolled_out(1, progressDeadlineSeconds=60)
    change(world, template=image("broken"))
    world.run(*ROLLING)

    assert world.reconcile(DEPLOYMENT, ("a", "web")) == 60
    world.now += 60
    world.reconcile(DEPLOYMENT, ("a", "web"))
    assert reason(world, "Progressing") == "ProgressDeadlineExceeded"


def test_recreate_waits_until_the_last_old_pod_is_gone() -> None:
    world = rolled_out(2, strategy={"type": "Recreate"})
    for pod in world.list("Pod"):
        world.put("Pod", {**pod, "metadata": {**pod["metadata"], "finalizers": ["still/here"]}})
    change(world, template=image("v2"))
    world.run(*ROLLING)
    assert sizes(world) == [(0, 0)]

    first, last = world.list("Pod")
    world.remove("Pod", "a", first["metadata"]["name"])
    world.run(*ROLLING)
    assert sizes(world) == [(0, 0)]
    world.remove("Pod", "a", last["metadata"]["name"])
    world.run(*ROLLING)
    assert sizes(world) == [(0, 0), (2, 0)]


def test_going_back_reuses_the_old_replica_set_under_a_new_revision() -> None:
    world = rolled_out(1)
    for template in ("v2", "v1"):
        change(world, template=image(template))
        for _ in range(5):
            world.run(*ROLLING)
            all_ready(world)

    assert sizes(world) == [(1, 1), (0, 0)]
    revisions = sorted(item["metadata"]["annotations"][REVISION] for item in world.list("ReplicaSet"))
    assert revisions == ["2", "3"]
    assert world.objects["Deployment", "a", "web"]["metadata"]["annotations"][REVISION] == "3"


def test_scaling_changes_the_one_replica_set() -> None:
    world = rolled_out(2)
    change(world, replicas=5)
    said = world.run(*ROLLING)

    assert any("from 2 to 5" in line for line in said)
    all_ready(world)
    world.run(*ROLLING)
    change(world, replicas=0)
    world.run(*ROLLING)
    assert sizes(world) == [(0, 0)]
    assert world.list("Pod") == []


def test_a_paused_deployment_changes_no_template_but_follows_replicas() -> None:
    world = rolled_out(2)
    change(world, paused=True, template=image("v2"), replicas=3)
    world.run(*ROLLING)

    assert [wanted for wanted, _ in sizes(world)] == [3]
    assert reason(world, "Progressing") == "DeploymentPaused"
    change(world, paused=False)
    world.run(*ROLLING)
    assert len(sizes(world)) == 2


def test_history_keeps_only_so_many_empty_replica_sets() -> None:
    world = rolled_out(1, revisionHistoryLimit=1)
    for template in ("v2", "v3", "v4"):
        change(world, template=image(template))
        for _ in range(5):
            world.run(*ROLLING)
            all_ready(world)

    revisions = sorted(item["metadata"]["annotations"][REVISION] for item in world.list("ReplicaSet"))
    assert revisions == ["3", "4"]


def test_trouble_of_the_replica_set_is_told_by_the_deployment() -> None:
    world = World()
    world.put("Deployment", deployment(1))
    world.run(DEPLOYMENT)
    world.failure = "admission webhook denied"
    world.run(REPLICASET)
    (replica_set,) = world.list("ReplicaSet")
    failed = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "denied"}
    world.put("ReplicaSet", {**replica_set, "status": {"replicas": 0, "conditions": [failed]}})
    world.run(DEPLOYMENT)

    assert reason(world, "ReplicaFailure") == "FailedCreate"


def test_an_orphaned_replica_set_that_matches_is_adopted() -> None:
    world = rolled_out(1)
    (replica_set,) = world.list("ReplicaSet")
    meta = {key: value for key, value in replica_set["metadata"].items() if key != "ownerReferences"}
    world.put("ReplicaSet", {**replica_set, "metadata": meta})
    world.run(*ROLLING)

    (adopted,) = world.list("ReplicaSet")
    assert adopted["metadata"]["ownerReferences"][0]["uid"] == "uid-web"


@pytest.mark.parametrize(
    ("rolling", "replicas", "surge", "unavailable"),
    [
        ({}, 4, 1, 1),
        ({}, 1, 1, 0),
        ({"maxSurge": 0, "maxUnavailable": 0}, 3, 0, 1),
        ({"maxSurge": "50%", "maxUnavailable": "50%"}, 3, 2, 1),
        ({"maxSurge": 2, "maxUnavailable": 9}, 3, 2, 3),
        ({"maxSurge": "no", "maxUnavailable": 1}, 3, 0, 1),
    ],
)
def test_bounds_of_a_rolling_update(rolling: Object, replicas: int, surge: int, unavailable: int) -> None:
    found = bounds(deployment(replicas, strategy={"rollingUpdate": rolling}))
    assert (found.surge, found.unavailable) == (surge, unavailable)


def test_the_arithmetic_never_breaks_its_promise() -> None:
    """Whatever is ready at each step: wanted pods stay below the surge, available ones above the minimum."""
    for replicas in range(1, 8):
        web = deployment(replicas, strategy={"rollingUpdate": {"maxSurge": 2, "maxUnavailable": 1}})
        limit = bounds(web)
        for new in range(replicas + 1):
            for old in range(replicas + 3 - new):
                assert grown(web, new, new + old) + old <= max(new + old, replicas + limit.surge)
                for available in range(old + 1):
                    (left,) = shrunk(web, Count(new, new), [Count(old, available)])
                    if new + available >= replicas - limit.unavailable:
                        assert new + min(left, available) >= replicas - limit.unavailable


def test_broken_old_pods_go_first() -> None:
    web = deployment(4, strategy={"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}})
    assert shrunk(web, Count(0, 0), [Count(2, 0), Count(2, 2)]) == [1, 2]
