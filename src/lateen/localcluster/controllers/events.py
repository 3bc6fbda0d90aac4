"""Events: what happened, written where `kubectl describe` finds it; counted, not repeated; forgotten after an hour.

In: a report and the Event that an earlier, equal report may have left. Out: the Event to create or to update; and, as a
controller, the deletion of old ones. Rule: the name follows from what is said about whom, so equal reports meet.
https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from lateen.localcluster.controllers.model import (
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
    rfc3339,
    seconds_of,
    uid_of,
)

__all__ = ["EVENT_TTL", "event_name", "event_of"]

_KEPT = 3600.0
_LONGEST = 1024  # Kubernetes' limit for an event's message


def event_name(report: Report, source: str) -> tuple[str, str]:
    """(namespace, name) of the Event that a report becomes."""
    meta = report.on["metadata"]
    said = f"{uid_of(report.on)}\0{report.reason}\0{report.text}\0{source}\0{report.warning}"
    digest = hashlib.sha256(said.encode()).hexdigest()[:16]
    return str(meta.get("namespace") or "default"), f"{meta['name'][:230]}.{digest}"


def event_of(report: Report, source: str, existing: Object | None, now: float) -> Create | Update:
    """The Event; one more of an equal one raises its count."""
    stamp = rfc3339(now)
    if existing is not None:
        count = int(existing.get("count") or 1) + 1
        return Update("Event", {**existing, "count": count, "lastTimestamp": stamp})
    namespace, name = event_name(report, source)
    return Create(
        "Event",
        {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": _reference(report.on),
            "reason": report.reason,
            "message": report.text[:_LONGEST],
            "type": "Warning" if report.warning else "Normal",
            "source": {"component": source},
            "reportingComponent": source,
            "reportingInstance": "",
            "firstTimestamp": stamp,
            "lastTimestamp": stamp,
            "count": 1,
        },
    )


def _reference(obj: Object) -> Object:
    meta = obj["metadata"]
    found = {
        "apiVersion": obj.get("apiVersion"),
        "kind": obj.get("kind"),
        "namespace": meta.get("namespace"),
        "name": meta["name"],
        "uid": meta.get("uid"),
        "resourceVersion": meta.get("resourceVersion"),
    }
    return {key: value for key, value in found.items() if value}


def wakes(_view: Snapshot, change: Change) -> Iterator[Key]:
    """Only a new Event: later counts are read when its time is over."""
    if change.old is None and change.obj is not None:
        yield change.obj["metadata"]["namespace"], change.obj["metadata"]["name"]


def reconcile(moment: Moment, key: Key) -> Outcome:
    event = moment.view.get("Event", *key)
    if event is None:
        return Outcome()
    left = _last(event, moment.now) + _KEPT - moment.now
    if left > 0:
        return Outcome(again_in=left + 1)
    namespace, name = key
    return Outcome((Delete("Event", namespace, name, uid_of(event)),))


def _last(event: Object, now: float) -> float:
    series = event.get("series") or {}
    stamps = (event.get("lastTimestamp"), series.get("lastObservedTime"), event.get("eventTime"))
    found = [seconds for stamp in stamps if (seconds := seconds_of(stamp)) is not None]
    created = seconds_of(event["metadata"].get("creationTimestamp"))
    return max(found, default=created if created is not None else now)


EVENT_TTL = Controller("event-ttl-controller", frozenset({"Event"}), wakes, reconcile)
