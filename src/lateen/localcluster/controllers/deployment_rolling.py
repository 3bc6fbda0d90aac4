"""The arithmetic of a rolling update: how many replicas each ReplicaSet gets next.

In: a Deployment's strategy and what its ReplicaSets have. Out: bounds, and new numbers of replicas.
Rule: never more than `replicas + maxSurge` pods are wanted, never fewer than `replicas - maxUnavailable` are available.
https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#rolling-update-deployment
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lateen.localcluster.controllers.model import Object

__all__ = ["Bounds", "bounds", "grown", "is_recreate", "shrunk"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many pods more than wanted may exist, and how many fewer may be available."""

    surge: int
    unavailable: int


@dataclass(frozen=True, slots=True)
class Count:
    """A ReplicaSet in numbers: `wanted` pods by its spec, `available` ones by its status."""

    wanted: int
    available: int


def is_recreate(deployment: Mapping[str, Any]) -> bool:
    return bool((deployment["spec"].get("strategy") or {}).get("type") == "Recreate")


def bounds(deployment: Mapping[str, Any]) -> Bounds:
    """Percentages are of `replicas`: surge rounds up, unavailable down; if both are 0, one may be unavailable.

    Recreate has neither: it counts as available only with all of its pods.
    """
    if is_recreate(deployment):
        return Bounds(0, 0)
    rolling = (deployment["spec"].get("strategy") or {}).get("rollingUpdate") or {}
    replicas = _replicas(deployment)
    surge = _number(rolling.get("maxSurge", "25%"), replicas, up=True)
    unavailable = _number(rolling.get("maxUnavailable", "25%"), replicas, up=False)
    if not surge and not unavailable:
        unavailable = 1
    return Bounds(surge, min(unavailable, replicas) if replicas else unavailable)


def grown(deployment: Mapping[str, Any], new: int, everything: int) -> int:
    """What the new ReplicaSet may grow to, if it has `new` replicas and all sets together `everything`."""
    wanted = _replicas(deployment)
    if new >= wanted:
        return wanted
    room = wanted + bounds(deployment).surge - everything
    return new + max(0, min(room, wanted - new))


def shrunk(deployment: Mapping[str, Any], new: Count, old: Sequence[Count]) -> list[int]:
    """What the old ReplicaSets (oldest first) may shrink to: pods that are not available go first."""
    least = _replicas(deployment) - bounds(deployment).unavailable
    everything = new.wanted + sum(count.wanted for count in old)
    spare = everything - least - (new.wanted - new.available)
    if spare <= 0:
        return [count.wanted for count in old]
    without_broken = list(_take(old, spare, lambda count: count.wanted - count.available))
    kept = [Count(left, min(left, count.available)) for left, count in zip(without_broken, old, strict=True)]
    surplus = new.available + sum(count.available for count in kept) - least
    return list(_take(kept, max(0, surplus), lambda count: count.wanted))


def _take(counts: Sequence[Count], budget: int, limit: Any) -> Iterator[int]:
    """Takes up to `budget` replicas away, from each set at most `limit(count)`."""
    for count in counts:
        taken = max(0, min(budget, limit(count), count.wanted))
        budget -= taken
        yield count.wanted - taken


def counts_of(replica_set: Object) -> Count:
    replicas = replica_set["spec"].get("replicas")
    wanted = 1 if replicas is None else int(replicas)
    return Count(wanted, int((replica_set.get("status") or {}).get("availableReplicas") or 0))


def _replicas(deployment: Mapping[str, Any]) -> int:
    count = deployment["spec"].get("replicas")
    return 1 if count is None else int(count)


def _number(value: object, of: int, *, up: bool) -> int:
    """A count, or a percentage of `of`; what cannot be read counts as 0 (validation has refused it before)."""
    if isinstance(value, int):
        return value
    text = str(value).removesuffix("%")
    if not str(value).endswith("%") or not text.isdecimal():
        return 0
    return -(-int(text) * of // 100) if up else int(text) * of // 100
