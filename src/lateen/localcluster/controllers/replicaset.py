"""ReplicaSets: as many pods as asked for.

In: a ReplicaSet, the pods of its namespace. Out: pods to create, adopt, release or delete, and the status.
https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lateen.localcluster.controllers.conditions import condition_of, with_condition
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
    rfc3339,
    uid_of,
)
from lateen.localcluster.controllers.pods import condition, is_active, is_available, is_ready, ready_since, removal_rank
from lateen.localcluster.label_match import label_selector

__all__ = ["REPLICASET"]

_BURST = 500  # pods of one round, as in Kubernetes


def wakes(view: Snapshot, change: Change) -> Iterator[Key]:
    """A ReplicaSet wakes itself; a pod its controller, or, without one, whoever selects it.

    What admission depends on (webhooks, their endpoints, service accounts) wakes those whose pods were refused, so that
    nobody has to wait for the next attempt.
    """
    if change.kind == "ReplicaSet":
        meta = change.any["metadata"]
        yield meta["namespace"], meta["name"]
    elif change.kind == "Pod":
        yield from _of_pod(view, change)
    elif change.obj is not None:
        namespace = change.obj["metadata"].get("namespace") if change.kind == "ServiceAccount" else None
        for candidate in view.list("ReplicaSet", namespace):
            if condition(candidate, "ReplicaFailure") is not None:
                yield candidate["metadata"]["namespace"], candidate["metadata"]["name"]


def _of_pod(view: Snapshot, change: Change) -> Iterator[Key]:
    for pod in change.states:
        namespace = pod["metadata"]["namespace"]
        owner = controller_of(pod)
        if owner is not None:
            if owner.get("kind") == "ReplicaSet":
                yield namespace, str(owner["name"])
            continue
        for candidate in view.list("ReplicaSet", namespace):
            if _selects(candidate, pod):
                yield namespace, candidate["metadata"]["name"]


def reconcile(moment: Moment, key: Key) -> Outcome:
    replica_set = moment.view.get("ReplicaSet", *key)
    if replica_set is None:
        return Outcome()
    everything = moment.view.list("Pod", key[0])
    owned, actions = _claim(replica_set, everything)
    active = [pod for pod in owned if is_active(pod)]
    if not replica_set["metadata"].get("deletionTimestamp"):
        actions += _scale(replica_set, active, probing=bool(moment.failure))
    status = _status(replica_set, active, moment)
    if status != (replica_set.get("status") or {}):
        actions.insert(0, Update("ReplicaSet", {**replica_set, "status": status}, "status"))
    return Outcome(tuple(actions), _next_available(replica_set, active, moment.now))


def _selects(replica_set: Mapping[str, Any], pod: Mapping[str, Any]) -> bool:
    return label_selector(replica_set["spec"].get("selector"), pod["metadata"].get("labels") or {})


def _claim(replica_set: Object, pods: Sequence[Object]) -> tuple[list[Object], list[Action]]:
    """The pods that count as owned, and the actions that adopt matching orphans and release those that left."""
    uid, going = uid_of(replica_set), bool(replica_set["metadata"].get("deletionTimestamp"))
    owned: list[Object] = []
    actions: list[Action] = []
    for pod in pods:
        owner = controller_of(pod)
        if owner is not None and owner.get("uid") != uid:
            continue
        matches = _selects(replica_set, pod)
        if owner is not None and matches:
            owned.append(pod)
        elif owner is not None and not going and is_active(pod):
            actions.append(Update("Pod", _with_owners(pod, [r for r in _owners(pod) if r.get("uid") != uid])))
        elif owner is None and matches and not going and is_active(pod):
            owned.append(pod)
            reference = owner_reference("apps/v1", "ReplicaSet", replica_set)
            actions.append(Update("Pod", _with_owners(pod, [*_owners(pod), reference])))
    return owned, actions


def _owners(pod: Mapping[str, Any]) -> list[Object]:
    return list(pod["metadata"].get("ownerReferences") or ())


def _with_owners(pod: Object, references: list[Object]) -> Object:
    meta = {key: value for key, value in pod["metadata"].items() if key != "ownerReferences"}
    if references:
        meta["ownerReferences"] = references
    return {**pod, "metadata": meta}


def _scale(replica_set: Object, active: Sequence[Object], *, probing: bool) -> list[Action]:
    """After a refusal one pod goes first; if it is accepted, its coming wakes us for the others."""
    missing = _wanted(replica_set) - len(active)
    if missing > 0:
        return [_creation(replica_set) for _ in range(1 if probing else min(missing, _BURST))]
    surplus = sorted(active, key=removal_rank)[:-missing] if missing < 0 else []
    return [_deletion(replica_set, pod) for pod in surplus]


def _creation(replica_set: Object) -> Create:
    template = replica_set["spec"].get("template") or {}
    meta = template.get("metadata") or {}
    kept = {key: meta[key] for key in ("labels", "annotations", "finalizers") if meta.get(key)}
    name, namespace = replica_set["metadata"]["name"], replica_set["metadata"]["namespace"]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": f"{name}-",
            "namespace": namespace,
            **kept,
            "ownerReferences": [owner_reference("apps/v1", "ReplicaSet", replica_set)],
        },
        "spec": template.get("spec") or {},
    }
    return Create(
        "Pod",
        pod,
        Report(replica_set, "SuccessfulCreate", "Created pod: {name}"),
        Report(replica_set, "FailedCreate", "Error creating: {error}", warning=True),
    )


def _deletion(replica_set: Object, pod: Object) -> Delete:
    meta = pod["metadata"]
    report = Report(replica_set, "SuccessfulDelete", "Deleted pod: {name}")
    return Delete("Pod", meta["namespace"], meta["name"], uid_of(pod), success=report)


def _wanted(replica_set: Mapping[str, Any]) -> int:
    replicas = replica_set["spec"].get("replicas")
    return 1 if replicas is None else int(replicas)


def _min_ready(replica_set: Mapping[str, Any]) -> int:
    return int(replica_set["spec"].get("minReadySeconds") or 0)


def _status(replica_set: Object, active: Sequence[Object], moment: Moment) -> Object:
    template_labels = ((replica_set["spec"].get("template") or {}).get("metadata") or {}).get("labels") or {}
    min_ready = _min_ready(replica_set)
    counts = {
        "fullyLabeledReplicas": sum(_labelled(pod, template_labels) for pod in active),
        "readyReplicas": sum(is_ready(pod) for pod in active),
        "availableReplicas": sum(is_available(pod, min_ready, moment.now) for pod in active),
    }
    status: Object = {"replicas": len(active), **{field: count for field, count in counts.items() if count}}
    status["observedGeneration"] = int(replica_set["metadata"].get("generation") or 0)
    conditions = _failure(replica_set, active, moment)
    if conditions:
        status["conditions"] = conditions
    return status


def _labelled(pod: Mapping[str, Any], wanted: Mapping[str, str]) -> bool:
    labels = pod["metadata"].get("labels") or {}
    return all(labels.get(key) == value for key, value in wanted.items())


def _failure(replica_set: Object, active: Sequence[Object], moment: Moment) -> list[Object]:
    """The ReplicaFailure condition: there while the last attempt to create or delete pods was refused."""
    conditions = list((replica_set.get("status") or {}).get("conditions") or ())
    if not moment.failure or len(active) == _wanted(replica_set):
        return [item for item in conditions if item.get("type") != "ReplicaFailure"]
    reason = "FailedCreate" if len(active) < _wanted(replica_set) else "FailedDelete"
    failed = condition_of("ReplicaFailure", "True", reason, moment.failure)
    return with_condition(conditions, failed, rfc3339(moment.now))


def _next_available(replica_set: Object, active: Sequence[Object], now: float) -> float | None:
    """When a ready pod will have been ready for long enough."""
    min_ready = _min_ready(replica_set)
    if not min_ready:
        return None
    waits = [since + min_ready - now for pod in active if (since := ready_since(pod)) is not None]
    return min((wait for wait in waits if wait > 0), default=None)


_ADMISSION = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "EndpointSlice", "ServiceAccount")
REPLICASET = Controller(
    "replicaset-controller", frozenset({"ReplicaSet", "Pod", *_ADMISSION}), wakes, reconcile, parallel=8
)
