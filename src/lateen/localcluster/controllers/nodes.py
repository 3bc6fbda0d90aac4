"""Nodes: a node whose agent is silent is no longer known to be ready; pods of a node that is gone go too.

In: a Node and its Lease, the time. Out: the Ready condition, or the end of pods that nobody runs any more.
Rule: pods of a silent node are left alone: its agent may come back at any moment and finds its containers running.
https://kubernetes.io/docs/concepts/architecture/nodes/#node-heartbeats
"""

from __future__ import annotations

from collections.abc import Iterator

from lateen.localcluster.controllers.conditions import condition_of, with_condition
from lateen.localcluster.controllers.model import (
    Change,
    Controller,
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
from lateen.localcluster.controllers.pods import condition

__all__ = ["NODES", "POD_GC"]

_SILENCE = 40.0  # seconds without a heartbeat, Kubernetes' node-monitor-grace-period
_LEASES = "kube-node-lease"


def wakes_node(view: Snapshot, change: Change) -> Iterator[Key]:
    """A Node wakes itself; its first heartbeat too. The others only move the deadline, which is read when it comes."""
    meta = change.any["metadata"]
    if change.kind == "Node" and change.old is None:
        yield "", meta["name"]
    elif change.kind == "Node" and change.obj is not None and condition(change.obj, "Ready") is not None:
        if change.old is None or condition(change.old, "Ready") != condition(change.obj, "Ready"):
            yield "", meta["name"]
    elif _is_first_beat(change) and view.get("Node", "", meta["name"]) is not None:
        yield "", meta["name"]


def _is_first_beat(change: Change) -> bool:
    in_place = change.any["metadata"].get("namespace") == _LEASES
    return change.kind == "Lease" and in_place and change.old is None


def reconcile_node(moment: Moment, key: Key) -> Outcome:
    node = moment.view.get("Node", "", key[1])
    if node is None:
        return Outcome()
    left = _last_sign(moment.view, node) + _SILENCE - moment.now
    ready = condition(node, "Ready")
    if left > 0:
        return Outcome(again_in=left + 1)
    if ready is not None and ready.get("status") == "Unknown":
        return Outcome()
    text = "Kubelet stopped posting node status."
    unknown = condition_of("Ready", "Unknown", "NodeStatusUnknown", text)
    status = node.get("status") or {}
    conditions = with_condition(status.get("conditions") or (), unknown, rfc3339(moment.now))
    changed = {**node, "status": {**status, "conditions": conditions}}
    name = node["metadata"]["name"]
    report = Report(node, "NodeNotReady", f"Node {name} status is now: NodeNotReady")
    return Outcome((Update("Node", changed, "status"), report))


def _last_sign(view: Snapshot, node: Object) -> float:
    """The newest sign of life: the lease's renewal, the agent's own report of readiness, or the node's creation."""
    lease = view.get("Lease", _LEASES, node["metadata"]["name"])
    ready = condition(node, "Ready") or {}
    signs = [
        seconds_of(((lease or {}).get("spec") or {}).get("renewTime")),
        seconds_of(ready.get("lastHeartbeatTime")),
        seconds_of(node["metadata"].get("creationTimestamp")),
    ]
    return max((sign for sign in signs if sign is not None), default=0.0)


def wakes_pod_gc(view: Snapshot, change: Change) -> Iterator[Key]:
    """A node that is gone wakes its pods; so does a deletion of a pod whose node is not there."""
    if change.kind == "Node" and change.obj is None:
        for running in view.list("Pod", None):
            if (running.get("spec") or {}).get("nodeName") == change.any["metadata"]["name"]:
                yield running["metadata"]["namespace"], running["metadata"]["name"]
    pod = change.obj
    if change.kind != "Pod" or pod is None or not pod["metadata"].get("deletionTimestamp"):
        return
    if view.get("Node", "", str((pod.get("spec") or {}).get("nodeName"))) is None:
        yield pod["metadata"]["namespace"], pod["metadata"]["name"]


def reconcile_pod_gc(moment: Moment, key: Key) -> Outcome:
    pod = moment.view.get("Pod", *key)
    node = (pod.get("spec") or {}).get("nodeName") if pod is not None else None
    if pod is None or not node or moment.view.get("Node", "", str(node)) is not None:
        return Outcome()
    return Outcome((Delete("Pod", key[0], key[1], uid_of(pod), grace=0),))


NODES = Controller("node-controller", frozenset({"Node", "Lease"}), wakes_node, reconcile_node)
POD_GC = Controller("pod-garbage-collector", frozenset({"Node", "Pod"}), wakes_pod_gc, reconcile_pod_gc)
