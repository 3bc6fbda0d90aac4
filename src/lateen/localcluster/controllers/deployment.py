"""Deployments: one step of a rollout per look at the state.

In: a Deployment and its ReplicaSets (and, for Recreate, their pods). Out: a ReplicaSet to create or to scale, and the
status. Rule: one step at a time; the ReplicaSet's answer wakes this controller for the next.
https://kubernetes.io/docs/concepts/workloads/controllers/deployment/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lateen.localcluster.controllers.deployment_rolling import counts_of, grown, is_recreate, shrunk
from lateen.localcluster.controllers.deployment_sets import (
    REVISION,
    Sets,
    current_revision,
    new_set,
    replicas,
    revision_of,
    sets_of,
    synced_annotations,
    total,
    with_replicas,
)
from lateen.localcluster.controllers.deployment_status import deadline_in, is_complete, status_of
from lateen.localcluster.controllers.model import (
    Action,
    Change,
    Controller,
    Create,
    Delete,
    Key,
    Moment,
    Object,
    Outcome,
    Report,
    Snapshot,
    Update,
    controller_of,
    owner_reference,
    uid_of,
)
from lateen.localcluster.label_match import label_selector

__all__ = ["DEPLOYMENT"]


def wakes(view: Snapshot, change: Change) -> Iterator[Key]:
    """A Deployment wakes itself, a ReplicaSet its Deployment, and a pod that is gone a Deployment that waits for it."""
    if change.kind == "Deployment":
        meta = change.any["metadata"]
        yield meta["namespace"], meta["name"]
    elif change.kind == "ReplicaSet":
        yield from _of_sets(view, change)
    elif change.obj is None:
        owner = controller_of(change.any)
        namespace = change.any["metadata"]["namespace"]
        replica_set = view.get("ReplicaSet", namespace, str(owner["name"])) if owner else None
        if replica_set is not None:
            yield from _of_sets(view, Change("ReplicaSet", replica_set, None))


def _of_sets(view: Snapshot, change: Change) -> Iterator[Key]:
    for replica_set in change.states:
        namespace = replica_set["metadata"]["namespace"]
        owner = controller_of(replica_set)
        if owner is not None:
            if owner.get("kind") == "Deployment":
                yield namespace, str(owner["name"])
            continue
        labels = replica_set["metadata"].get("labels") or {}
        for deployment in view.list("Deployment", namespace):
            if label_selector(deployment["spec"].get("selector"), labels):
                yield namespace, deployment["metadata"]["name"]


def reconcile(moment: Moment, key: Key) -> Outcome:
    deployment = moment.view.get("Deployment", *key)
    if deployment is None:
        return Outcome()
    sets = sets_of(moment.view, deployment)
    status = status_of(deployment, sets, moment.now)
    actions: list[Action] = []
    if status != (deployment.get("status") or {}):
        actions.append(Update("Deployment", {**deployment, "status": status}, "status"))
    if not deployment["metadata"].get("deletionTimestamp"):
        actions += _adopt(deployment, sets) or _step(moment, deployment, sets)
        if not actions and is_complete(deployment, status):
            actions += _forget_history(deployment, sets)
    return Outcome(tuple(actions), deadline_in(deployment, status, moment.now))


def _adopt(deployment: Object, sets: Sets) -> list[Action]:
    return [
        Update("ReplicaSet", _with_owner(orphan, owner_reference("apps/v1", "Deployment", deployment)))
        for orphan in sets.orphans
    ]


def _with_owner(obj: Object, reference: Object) -> Object:
    meta = obj["metadata"]
    return {**obj, "metadata": {**meta, "ownerReferences": [*(meta.get("ownerReferences") or ()), reference]}}


def _step(moment: Moment, deployment: Object, sets: Sets) -> list[Action]:
    if deployment["spec"].get("paused"):
        return _paused(deployment, sets)
    if is_recreate(deployment):
        return _recreate(moment, deployment, sets)
    return _roll(deployment, sets)


def _roll(deployment: Object, sets: Sets) -> list[Action]:
    """First what the new ReplicaSet may grow by, then what the old ones may shrink by."""
    if sets.new is None:
        return _create(deployment, sets, grown(deployment, 0, total(sets.old)))
    marked = _mark(deployment, sets)
    if marked:
        return marked
    size = replicas(sets.new)
    wanted = grown(deployment, size, total(sets.everything))
    if wanted != size:
        return [*_scale(deployment, sets.new, wanted)]
    sizes = shrunk(deployment, counts_of(sets.new), [counts_of(item) for item in sets.old])
    pairs = zip(sets.old, sizes, strict=True)
    return [action for item, count in pairs if count != replicas(item) for action in _scale(deployment, item, count)]


def _recreate(moment: Moment, deployment: Object, sets: Sets) -> list[Action]:
    """All old pods go, and are gone, before the first new one comes."""
    scaled = [action for item in sets.old if replicas(item) for action in _scale(deployment, item, 0)]
    if scaled or any(_has_pods(moment.view, item) for item in sets.old):
        return scaled
    if sets.new is None:
        return _create(deployment, sets, replicas(deployment))
    if replicas(sets.new) != replicas(deployment):
        return _scale(deployment, sets.new, replicas(deployment))
    return _mark(deployment, sets)


def _has_pods(view: Snapshot, replica_set: Object) -> bool:
    namespace, uid = replica_set["metadata"]["namespace"], uid_of(replica_set)
    for kind, _, name in view.dependents(uid):
        pod = view.get(kind, namespace, name) if kind == "Pod" else None
        if pod is not None and (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed"):
            return True
    return False


def _paused(deployment: Object, sets: Sets) -> list[Action]:
    """A paused Deployment changes no template, but still follows `replicas` with what runs."""
    running = [item for item in sets.everything if replicas(item)]
    target = running[-1] if running else sets.new
    if target is None:
        return []
    others = sum(replicas(item) for item in running if item is not target)
    wanted = max(0, replicas(deployment) - others)
    return _scale(deployment, target, wanted) if wanted != replicas(target) else []


def _create(deployment: Object, sets: Sets, count: int) -> list[Action]:
    made = new_set(deployment, sets, count)
    text = f"Scaled up replica set {made['metadata']['name']} from 0 to {count}"
    created = Create("ReplicaSet", made, Report(deployment, "ScalingReplicaSet", text) if count else None)
    return [created, *_annotate(deployment, revision_of(made))]


def _scale(deployment: Object, replica_set: Object, count: int) -> list[Action]:
    before, name = replicas(replica_set), replica_set["metadata"]["name"]
    direction = "up" if count > before else "down"
    text = f"Scaled {direction} replica set {name} from {before} to {count}"
    changed = Update("ReplicaSet", with_replicas(replica_set, deployment, count))
    return [changed, Report(deployment, "ScalingReplicaSet", text)]


def _mark(deployment: Object, sets: Sets) -> list[Action]:
    """Revision and annotations of the current ReplicaSet (after going back to an old template, too)."""
    if sets.new is None:
        return []
    meta = sets.new["metadata"]
    revision = current_revision(sets)
    existing = meta.get("annotations") or {}
    wanted = synced_annotations(deployment, existing, revision)
    min_ready = int(deployment["spec"].get("minReadySeconds") or 0)
    actions: list[Action] = []
    if wanted != existing or min_ready != int(sets.new["spec"].get("minReadySeconds") or 0):
        spec = {**sets.new["spec"], "minReadySeconds": min_ready}
        actions.append(Update("ReplicaSet", {**sets.new, "metadata": {**meta, "annotations": wanted}, "spec": spec}))
    return actions + _annotate(deployment, revision)


def _annotate(deployment: Object, revision: int) -> list[Action]:
    meta = deployment["metadata"]
    annotations: Mapping[str, Any] = meta.get("annotations") or {}
    if annotations.get(REVISION) == str(revision):
        return []
    changed = {**meta, "annotations": {**annotations, REVISION: str(revision)}}
    return [Update("Deployment", {**deployment, "metadata": changed})]


def _forget_history(deployment: Object, sets: Sets) -> list[Action]:
    """Empty old ReplicaSets beyond `revisionHistoryLimit` go, oldest revision first."""
    limit = deployment["spec"].get("revisionHistoryLimit")
    empty = [
        item
        for item in sets.old
        if not replicas(item) and not (item.get("status") or {}).get("replicas") and not _going(item)
    ]
    surplus = sorted(empty, key=revision_of)[: max(0, len(empty) - (10 if limit is None else int(limit)))]
    return [
        Delete("ReplicaSet", item["metadata"]["namespace"], item["metadata"]["name"], uid_of(item)) for item in surplus
    ]


def _going(obj: Object) -> bool:
    return bool(obj["metadata"].get("deletionTimestamp"))


DEPLOYMENT = Controller("deployment-controller", frozenset({"Deployment", "ReplicaSet", "Pod"}), wakes, reconcile)
