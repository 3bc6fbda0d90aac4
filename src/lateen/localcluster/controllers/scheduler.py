"""The scheduler: gives every pod that names no node one of the nodes that it accepts.

In: a pod, the nodes. Out: a binding, or the reason why no node will do, as a condition and an event.
Rule: resources do not limit a local mesh: everything shares one machine, and a manifest made for a cluster must start.
https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lateen.localcluster.controllers.conditions import condition_of, with_condition
from lateen.localcluster.controllers.model import (
    Bind,
    Change,
    Controller,
    Key,
    Moment,
    Object,
    Outcome,
    Report,
    Snapshot,
    Update,
    rfc3339,
)
from lateen.localcluster.label_match import holds

__all__ = ["SCHEDULER"]

_NOT_SCHEDULED = ("NoSchedule", "NoExecute")


def wakes(view: Snapshot, change: Change) -> Iterator[Key]:
    """A pod that waits wakes itself; a node that comes or changes, every pod that waits."""
    if change.kind == "Pod":
        if change.obj is not None and _waits(change.obj):
            meta = change.obj["metadata"]
            yield meta["namespace"], meta["name"]
        return
    if change.obj is not None and (change.old is None or _placement(change.obj) != _placement(change.old)):
        for pod in view.list("Pod", None):
            if _waits(pod):
                yield pod["metadata"]["namespace"], pod["metadata"]["name"]


def reconcile(moment: Moment, key: Key) -> Outcome:
    pod = moment.view.get("Pod", *key)
    if pod is None or not _waits(pod):
        return Outcome()
    nodes = moment.view.list("Node", None)
    complaints = [_complaint(pod, node) for node in nodes]
    for node, complaint in zip(nodes, complaints, strict=True):
        if not complaint:
            return _bound(pod, str(node["metadata"]["name"]))
    return _unschedulable(pod, _summary(complaints), moment.now)


def _waits(pod: Mapping[str, Any]) -> bool:
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    over = pod["metadata"].get("deletionTimestamp") or status.get("phase") in ("Succeeded", "Failed")
    foreign = spec.get("schedulerName", "default-scheduler") != "default-scheduler"
    return not (spec.get("nodeName") or over or foreign or spec.get("schedulingGates"))


def _placement(node: Mapping[str, Any]) -> tuple[Any, ...]:
    """The parts of a node on which placement depends; its heartbeats are none."""
    spec = node.get("spec") or {}
    return (node["metadata"].get("labels"), spec.get("taints"), spec.get("unschedulable"))


def _complaint(pod: Object, node: Object) -> str:
    """Why this node will not do, "" if it will."""
    spec, node_spec = pod.get("spec") or {}, node.get("spec") or {}
    tolerations = spec.get("tolerations") or ()
    if node_spec.get("unschedulable"):
        taint = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
        if not _tolerated(taint, tolerations):
            return "were unschedulable"
    for taint in node_spec.get("taints") or ():
        if taint.get("effect") in _NOT_SCHEDULED and not _tolerated(taint, tolerations):
            return f"had untolerated taint {{{taint.get('key')}: {taint.get('value', '')}}}"
    return "" if _accepts(spec, node) else "didn't match Pod's node affinity/selector"


def _tolerated(taint: Mapping[str, Any], tolerations: Sequence[Mapping[str, Any]]) -> bool:
    for toleration in tolerations:
        if toleration.get("effect") not in (None, "", taint.get("effect")):
            continue
        exists = toleration.get("operator") == "Exists"
        if not toleration.get("key"):
            if exists:
                return True
        elif toleration["key"] == taint.get("key") and (
            exists or toleration.get("value", "") == taint.get("value", "")
        ):
            return True
    return False


def _accepts(spec: Mapping[str, Any], node: Object) -> bool:
    labels = node["metadata"].get("labels") or {}
    if any(labels.get(key) != value for key, value in (spec.get("nodeSelector") or {}).items()):
        return False
    affinity = ((spec.get("affinity") or {}).get("nodeAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    )
    if affinity is None:
        return True
    return any(_term_accepts(term, node, labels) for term in affinity.get("nodeSelectorTerms") or ())


def _term_accepts(term: Mapping[str, Any], node: Object, labels: Mapping[str, str]) -> bool:
    expressions, fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not expressions and not fields:
        return False
    names = {"metadata.name": node["metadata"]["name"]}
    return all(_holds(item, labels) for item in expressions) and all(_holds(item, names) for item in fields)


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """As in a label selector; selectors of nodes compare numbers too."""
    operator = expression.get("operator")
    if operator in ("Gt", "Lt"):
        return _compares(labels.get(str(expression.get("key"))), expression.get("values") or (), operator)
    return holds(expression, labels)


def _compares(value: str | None, values: Sequence[str], operator: str) -> bool:
    if value is None or len(values) != 1 or not value.isdecimal() or not str(values[0]).isdecimal():
        return False
    return int(value) > int(values[0]) if operator == "Gt" else int(value) < int(values[0])


def _bound(pod: Object, node: str) -> Outcome:
    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    report = Report(pod, "Scheduled", f"Successfully assigned {namespace}/{name} to {node}")
    return Outcome((Bind(namespace, name, node), report))


def _unschedulable(pod: Object, why: str, now: float) -> Outcome:
    refused = condition_of("PodScheduled", "False", "Unschedulable", why)
    status = pod.get("status") or {}
    conditions = with_condition(status.get("conditions") or (), refused, rfc3339(now))
    if conditions == list(status.get("conditions") or ()):
        return Outcome()
    changed = {**pod, "status": {**status, "phase": status.get("phase", "Pending"), "conditions": conditions}}
    return Outcome((Update("Pod", changed, "status"), Report(pod, "FailedScheduling", why, warning=True)))


def _summary(complaints: Sequence[str]) -> str:
    if not complaints:
        return "no nodes available to schedule pods"
    counted = {complaint: complaints.count(complaint) for complaint in complaints}
    reasons = ", ".join(f"{count} node(s) {complaint}" for complaint, count in sorted(counted.items()))
    return f"0/{len(complaints)} nodes are available: {reasons}."


SCHEDULER = Controller("default-scheduler", frozenset({"Pod", "Node"}), wakes, reconcile, parallel=8)
