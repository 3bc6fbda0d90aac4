"""What a Deployment reports of itself; `kubectl rollout status` and `kubectl wait` read nothing else.

In: a Deployment, its ReplicaSets, the time. Out: the status, and when a deadline has to be looked at again.
https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#deployment-status
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lateen.localcluster.controllers.conditions import condition_of, with_condition
from lateen.localcluster.controllers.deployment_rolling import bounds
from lateen.localcluster.controllers.deployment_sets import Sets, replicas, total
from lateen.localcluster.controllers.model import Object, rfc3339, seconds_of

__all__ = ["deadline_in", "is_complete", "status_of"]

_COMPLETE = "NewReplicaSetAvailable"
_LATE = "ProgressDeadlineExceeded"
_COUNTS = ("replicas", "readyReplicas", "availableReplicas")


def status_of(deployment: Object, sets: Sets, now: float) -> Object:
    """The Deployment's status as of now."""
    old = deployment.get("status") or {}
    counts = _counts(sets)
    status: Object = {"observedGeneration": int(deployment["metadata"].get("generation") or 0)}
    status.update({field: count for field, count in counts.items() if count})
    if old.get("collisionCount"):
        status["collisionCount"] = old["collisionCount"]
    stamp = rfc3339(now)
    conditions = with_condition(
        old.get("conditions") or (), _available(deployment, counts["availableReplicas"]), stamp, update_time=True
    )
    progress = _progress(deployment, sets, counts, now)
    if progress is not None:
        advanced = progress["reason"] == "ReplicaSetUpdated" and _moved(old, counts)
        conditions = _with_progress(conditions, progress, stamp, advanced)
    status["conditions"] = _with_failure(conditions, sets, stamp)
    return status


def is_complete(deployment: Mapping[str, Any], status: Mapping[str, Any]) -> bool:
    """Every wanted pod is of the current template and available, and no other is left."""
    wanted = replicas(deployment)
    fields = ("updatedReplicas", "replicas", "availableReplicas")
    return all(int(status.get(field) or 0) == wanted for field in fields)


def deadline_in(deployment: Object, status: Mapping[str, Any], now: float) -> float | None:
    """Seconds until a rollout that does not advance has to be called late; None if there is none."""
    found = _progressing(status.get("conditions") or ())
    if found is None or found["reason"] in (_COMPLETE, _LATE) or deployment["spec"].get("paused"):
        return None
    since = seconds_of(found.get("lastUpdateTime")) or now
    return max(1.0, since + _deadline(deployment) - now)


def _counts(sets: Sets) -> dict[str, int]:
    statuses = [item.get("status") or {} for item in sets.everything]
    counts = {field: sum(int(status.get(field) or 0) for status in statuses) for field in _COUNTS}
    new = (sets.new or {}).get("status") or {}
    counts["updatedReplicas"] = int(new.get("replicas") or 0)
    counts["unavailableReplicas"] = max(0, total(sets.everything) - counts["availableReplicas"])
    return counts


def _available(deployment: Object, available: int) -> Object:
    if available >= replicas(deployment) - bounds(deployment).unavailable:
        return condition_of("Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    text = "Deployment does not have minimum availability."
    return condition_of("Available", "False", "MinimumReplicasUnavailable", text)


def _progress(deployment: Object, sets: Sets, counts: Mapping[str, int], now: float) -> Object | None:
    """The Progressing condition as it should be; None = leave it."""
    old = deployment.get("status") or {}
    found = _progressing(old.get("conditions") or ())
    if deployment["spec"].get("paused"):
        return condition_of("Progressing", "Unknown", "DeploymentPaused", "Deployment is paused")
    name = _subject(deployment, sets)
    if sets.new is not None and is_complete(deployment, counts):
        return condition_of("Progressing", "True", _COMPLETE, f"{name} has successfully progressed.")
    if found is not None and found["reason"] == _COMPLETE and counts["updatedReplicas"] == counts["replicas"]:
        return None  # a finished rollout that lost a pod is not a new rollout
    if found is None or found["reason"] in (_COMPLETE, "DeploymentPaused") or _moved(old, counts):
        return condition_of("Progressing", "True", "ReplicaSetUpdated", f"{name} is progressing.")
    since = seconds_of(found.get("lastUpdateTime")) or now
    if found["reason"] != _LATE and since + _deadline(deployment) <= now:
        return condition_of("Progressing", "False", _LATE, f"{name} has timed out progressing.")
    return None


def _subject(deployment: Object, sets: Sets) -> str:
    if sets.new is None:
        return f'Deployment "{deployment["metadata"]["name"]}"'
    return f'ReplicaSet "{sets.new["metadata"]["name"]}"'


def _moved(old: Mapping[str, Any], counts: Mapping[str, int]) -> bool:
    """Whether the rollout advanced since the last status: more new or available pods, or fewer old ones."""
    before = {field: int(old.get(field) or 0) for field in (*_COUNTS, "updatedReplicas")}
    old_pods = counts["replicas"] - counts["updatedReplicas"]
    return (
        counts["updatedReplicas"] > before["updatedReplicas"]
        or old_pods < before["replicas"] - before["updatedReplicas"]
        or counts["readyReplicas"] > before["readyReplicas"]
        or counts["availableReplicas"] > before["availableReplicas"]
    )


def _with_progress(conditions: Sequence[Object], wanted: Object, now: str, advanced: bool) -> list[Object]:
    """With the condition; an advance renews its update time, from which the deadline counts."""
    updated = with_condition(conditions, wanted, now, update_time=True)
    if not advanced:
        return updated
    return [{**item, "lastUpdateTime": now} if item["type"] == "Progressing" else item for item in updated]


def _with_failure(conditions: Sequence[Object], sets: Sets, now: str) -> list[Object]:
    """With the ReplicaSets' own trouble in creating pods, if there is any."""
    for replica_set in reversed(sets.everything):
        for item in (replica_set.get("status") or {}).get("conditions") or ():
            if item.get("type") == "ReplicaFailure" and item.get("status") == "True":
                copied = condition_of("ReplicaFailure", "True", item.get("reason", ""), item.get("message", ""))
                return with_condition(conditions, copied, now, update_time=True)
    return [item for item in conditions if item.get("type") != "ReplicaFailure"]


def _progressing(conditions: Sequence[Object]) -> Object | None:
    return next((item for item in conditions if item.get("type") == "Progressing"), None)


def _deadline(deployment: Mapping[str, Any]) -> int:
    seconds = deployment["spec"].get("progressDeadlineSeconds")
    return 600 if seconds is None else int(seconds)
