"""Status conditions: lists in which every type occurs once.

In: a list of conditions and a new one. Out: the new list. Rule: the transition time moves only when the status does,
and a condition that says the same as before keeps its times, so that nothing is written.
"""

from __future__ import annotations

from collections.abc import Sequence

from lateen.localcluster.controllers.model import Object

__all__ = ["condition_of", "with_condition"]


def condition_of(kind: str, status: str, reason: str, message: str) -> Object:
    return {"type": kind, "status": status, "reason": reason, "message": message}


def with_condition(
    conditions: Sequence[Object], wanted: Object, now: str, *, update_time: bool = False
) -> list[Object]:
    """The list with `wanted` in it; `update_time` also keeps `lastUpdateTime`, as Deployments do."""
    old = next((item for item in conditions if item.get("type") == wanted["type"]), None)
    if old is not None and all(old.get(key) == value for key, value in wanted.items()):
        return list(conditions)
    made = {**wanted}
    if update_time:
        made["lastUpdateTime"] = now
    same = old is not None and old.get("status") == wanted["status"]
    made["lastTransitionTime"] = old.get("lastTransitionTime", now) if old is not None and same else now
    return [made if item is old else item for item in conditions] if old is not None else [*conditions, made]
