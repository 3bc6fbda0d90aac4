"""What controllers want to know of a pod: does it count, is it ready, since when, and which one goes first.

https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/#scaling-a-replicaset
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lateen.localcluster.controllers.model import Object, seconds_of

__all__ = ["condition", "is_active", "is_available", "is_ready", "is_terminating", "ready_since", "removal_rank"]

_COST = "controller.kubernetes.io/pod-deletion-cost"
_PHASES = {"Pending": 0, "Unknown": 1, "Running": 2}


def condition(obj: Mapping[str, Any], kind: str) -> Object | None:
    """The status condition of that type."""
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return next((item for item in conditions if item.get("type") == kind), None)


def is_terminating(pod: Mapping[str, Any]) -> bool:
    return bool(pod["metadata"].get("deletionTimestamp"))


def is_active(pod: Mapping[str, Any]) -> bool:
    """Neither finished nor going away."""
    return not is_terminating(pod) and (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")


def is_ready(pod: Mapping[str, Any]) -> bool:
    found = condition(pod, "Ready")
    return found is not None and found.get("status") == "True"


def ready_since(pod: Mapping[str, Any]) -> float | None:
    """Seconds since 1970 at which it became ready, None if it is not."""
    found = condition(pod, "Ready")
    if found is None or found.get("status") != "True":
        return None
    return seconds_of(found.get("lastTransitionTime")) or 0.0


def is_available(pod: Mapping[str, Any], min_ready_seconds: int, now: float) -> bool:
    """Ready for at least so many seconds."""
    since = ready_since(pod)
    return since is not None and (not min_ready_seconds or since + min_ready_seconds <= now)


def removal_rank(pod: Mapping[str, Any]) -> tuple[Any, ...]:
    """Sorts pods so that those which should go first come first, as Kubernetes ranks them."""
    meta, status = pod["metadata"], pod.get("status") or {}
    statuses = status.get("containerStatuses") or ()
    restarts = sum(int(item.get("restartCount") or 0) for item in statuses)
    return (
        bool((pod.get("spec") or {}).get("nodeName")),
        _PHASES.get(str(status.get("phase")), 0),
        is_ready(pod),
        _cost(meta),
        -(ready_since(pod) or 0.0),
        -restarts,
        -(seconds_of(meta.get("creationTimestamp")) or 0.0),
        meta.get("name", ""),
    )


def _cost(meta: Mapping[str, Any]) -> int:
    try:
        return int((meta.get("annotations") or {}).get(_COST, 0))
    except ValueError:
        return 0
