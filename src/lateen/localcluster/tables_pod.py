"""The columns of pods: READY, STATUS and RESTARTS as `kubectl get pods` derives them from a pod's status.

In: a pod. Out: cells. The status column names the first thing that keeps the pod from running: an init container that
waits or failed, a container that waits or has ended, a deletion under way; otherwise the phase.
"""

from __future__ import annotations

from typing import Any

from lateen.localcluster.tables import AGE, NAME, Column
from lateen.localcluster.tables_age import age, seconds_of

JSON = dict[str, Any]
NONE = "<none>"


def _sidecars(pod: JSON) -> set[str]:
    init = (pod.get("spec") or {}).get("initContainers") or ()
    return {container["name"] for container in init if container.get("restartPolicy") == "Always"}


def _statuses(pod: JSON, key: str) -> list[JSON]:
    return (pod.get("status") or {}).get(key) or []


def ready(pod: JSON, _now: float) -> str:
    """`ready/all` over containers and native sidecars."""
    sidecars = _sidecars(pod)
    total = len((pod.get("spec") or {}).get("containers") or ()) + len(sidecars)
    counted = _statuses(pod, "containerStatuses") + [
        status for status in _statuses(pod, "initContainerStatuses") if status.get("name") in sidecars
    ]
    return f"{sum(1 for status in counted if status.get('ready'))}/{total}"


def restarts(pod: JSON, now: float) -> str:
    """How often containers were restarted, and when last."""
    sidecars = _sidecars(pod)
    init = _statuses(pod, "initContainerStatuses")
    initialising = any(_init_reason(status, status.get("name") in sidecars) for status in init)
    counted = (init if initialising else [item for item in init if item.get("name") in sidecars]) + (
        [] if initialising else _statuses(pod, "containerStatuses")
    )
    total = sum(int(status.get("restartCount") or 0) for status in counted)
    ends = [((status.get("lastState") or {}).get("terminated") or {}).get("finishedAt") for status in counted]
    times = [(seconds, end) for end in ends if (seconds := seconds_of(end)) is not None]
    return f"{total} ({age(max(times)[1], now)} ago)" if total and times else str(total)


def status(pod: JSON, _now: float) -> str:
    """The one word (or two) that says how the pod is."""
    pod_status = pod.get("status") or {}
    reason = pod_status.get("reason") or pod_status.get("phase") or "Pending"
    if any(item.get("type") == "PodScheduled" and item.get("reason") == "SchedulingGated" for item in
           pod_status.get("conditions") or ()):  # fmt: skip
        reason = "SchedulingGated"
    init = _initialising(pod)
    reason = init or _running(pod, str(reason))
    if pod["metadata"].get("deletionTimestamp"):
        if pod_status.get("reason") == "NodeLost":
            return "Unknown"
        if pod_status.get("phase") not in ("Succeeded", "Failed"):
            return "Terminating"
    return reason


def _initialising(pod: JSON) -> str:
    init = _statuses(pod, "initContainerStatuses")
    sidecars = _sidecars(pod)
    total = len((pod.get("spec") or {}).get("initContainers") or ())
    for index, item in enumerate(init):
        reason = _init_reason(item, item.get("name") in sidecars)
        if reason:
            return f"Init:{index}/{total}" if reason == "pending" else f"Init:{reason}"
    return ""


def _init_reason(item: JSON, sidecar: bool) -> str:
    """Why an init container still holds the pod back; empty if it does not, `pending` if it just has not finished."""
    state = item.get("state") or {}
    ended, waiting = state.get("terminated"), state.get("waiting")
    if ended is not None:
        return "" if ended.get("exitCode") == 0 else _ending(ended)
    if sidecar and item.get("started"):
        return ""
    if waiting and waiting.get("reason") not in (None, "", "PodInitializing"):
        return str(waiting["reason"])
    return "pending"


def _ending(ended: JSON) -> str:
    if ended.get("reason"):
        return str(ended["reason"])
    return f"Signal:{ended['signal']}" if ended.get("signal") else f"ExitCode:{ended.get('exitCode')}"


def _running(pod: JSON, reason: str) -> str:
    has_running = False
    for item in reversed(_statuses(pod, "containerStatuses")):
        state = item.get("state") or {}
        ended, waiting = state.get("terminated"), state.get("waiting")
        if waiting and waiting.get("reason"):
            reason = str(waiting["reason"])
        elif ended is not None:
            reason = _ending(ended)
        elif item.get("ready") and state.get("running") is not None:
            has_running = True
    if reason == "Completed" and has_running:
        conditions = (pod.get("status") or {}).get("conditions") or ()
        is_ready = any(item.get("type") == "Ready" and item.get("status") == "True" for item in conditions)
        return "Running" if is_ready else "NotReady"
    return reason


def _address(pod: JSON, _now: float) -> str:
    return (pod.get("status") or {}).get("podIP") or NONE


def _node(pod: JSON, _now: float) -> str:
    return (pod.get("spec") or {}).get("nodeName") or NONE


def _nominated(pod: JSON, _now: float) -> str:
    return (pod.get("status") or {}).get("nominatedNodeName") or NONE


def _gates(pod: JSON, _now: float) -> str:
    gates = [gate.get("conditionType") for gate in (pod.get("spec") or {}).get("readinessGates") or ()]
    if not gates:
        return NONE
    conditions = (pod.get("status") or {}).get("conditions") or ()
    met = {item.get("type") for item in conditions if item.get("status") == "True"}
    return f"{sum(1 for gate in gates if gate in met)}/{len(gates)}"


POD = (
    NAME,
    Column("Ready", ready),
    Column("Status", status),
    Column("Restarts", restarts),
    AGE,
    Column("IP", _address, wide=True),
    Column("Node", _node, wide=True),
    Column("Nominated Node", _nominated, wide=True),
    Column("Readiness Gates", _gates, wide=True),
)
