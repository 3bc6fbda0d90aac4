"""A pod's status as the API shows it.

In: the pod, its containers' states, its addresses, the time. Out: the `status` object. Rules kept: a condition keeps
its transition time while it does not change; phases and reasons are Kubernetes' words, so that `kubectl get pods`
prints what people know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from lateen.localcluster.podlife import ContainerState, Ended, States, is_over
from lateen.localcluster.pods import Container, Pod, is_sidecar

__all__ = ["Addresses", "Doom", "ended_phase", "pod_status"]

JSON = dict[str, Any]


class Addresses(msgspec.Struct, frozen=True):
    """Where the pod and its node are; "" as long as the pod has none."""

    pod_ip: str
    host_ip: str


class Doom(msgspec.Struct, frozen=True):
    """Why a pod failed as a whole."""

    reason: str
    message: str


def pod_status(pod: Pod, states: States, addresses: Addresses, now: str, doom: Doom | None = None) -> JSON:
    """The status; `now` is RFC 3339."""
    before: JSON = pod.raw.get("status") or {}
    phase = _phase(pod, states, doom)
    first = "PodInitializing" if pod.spec.init_containers else "ContainerCreating"
    status: JSON = {
        "phase": phase,
        "conditions": _conditions(pod, states, before, now, phase),
        "hostIP": addresses.host_ip,
        "hostIPs": [{"ip": addresses.host_ip}],
        "startTime": before.get("startTime") or now,
        "qosClass": quality_of_service(pod),
        "containerStatuses": [_container(container, states, addresses, first) for container in pod.spec.containers],
    }
    if addresses.pod_ip:
        status["podIP"] = addresses.pod_ip
        status["podIPs"] = [{"ip": addresses.pod_ip}]
    if pod.spec.init_containers:
        status["initContainerStatuses"] = [_container(item, states, addresses) for item in pod.spec.init_containers]
    if doom is not None:
        status |= {"reason": doom.reason, "message": doom.message}
    return status


def _phase(pod: Pod, states: States, doom: Doom | None) -> str:
    if doom is not None:
        return "Failed"
    if is_over(pod, states):
        return ended_phase(pod, states)
    main = [states[container.name] for container in pod.spec.containers]
    if any(state.attempt >= 0 for state in main):
        return "Running"
    return "Pending"


def ended_phase(pod: Pod, states: States) -> str:
    """Succeeded or Failed, of a pod that is over."""
    ended = [states[container.name].ended for container in pod.all_containers if not is_sidecar(container)]
    return "Failed" if any(end is not None and end.code != 0 for end in ended) else "Succeeded"


def _conditions(pod: Pod, states: States, before: JSON, now: str, phase: str) -> list[JSON]:
    initialised = _is_initialised(pod, states)
    waiting = [container.name for container in _counted(pod) if not states[container.name].ready]
    done = phase in ("Succeeded", "Failed")
    gates = _gates(pod, before)
    wanted: list[tuple[str, bool, str, str]] = [
        ("PodReadyToStartContainers", not done, "", ""),
        _condition(
            "Initialized",
            [] if initialised else _uninitialised(pod, states),
            "ContainersNotInitialized",
            "incomplete status",
        ),
        _condition("ContainersReady", waiting, "ContainersNotReady", "unready status"),
        _condition("Ready", waiting, "ContainersNotReady", "unready status"),
        ("PodScheduled", True, "", ""),
    ]
    if done:
        wanted = [_completed(entry) for entry in wanted]
    if gates and not waiting and not done:
        wanted[3] = ("Ready", False, "ReadinessGatesNotReady", gates)
    old = {condition["type"]: condition for condition in before.get("conditions") or []}
    foreign = [condition for kind, condition in old.items() if kind not in {entry[0] for entry in wanted}]
    return [_kept(entry, old.get(entry[0]), now) for entry in wanted] + foreign


def _condition(kind: str, names: Sequence[str], reason: str, what: str) -> tuple[str, bool, str, str]:
    if not names:
        return (kind, True, "", "")
    return (kind, False, reason, f"containers with {what}: [{' '.join(names)}]")


def _completed(entry: tuple[str, bool, str, str]) -> tuple[str, bool, str, str]:
    if entry[0] in ("Ready", "ContainersReady"):
        return (entry[0], False, "PodCompleted", "")
    return (entry[0], True, "PodCompleted", "") if entry[0] == "Initialized" else entry


def _kept(entry: tuple[str, bool, str, str], old: JSON | None, now: str) -> JSON:
    kind, good, reason, message = entry
    status = "True" if good else "False"
    since = old.get("lastTransitionTime") if old is not None and old.get("status") == status else None
    condition: JSON = {"type": kind, "status": status, "lastProbeTime": None, "lastTransitionTime": since or now}
    return condition | ({"reason": reason} if reason else {}) | ({"message": message} if message else {})


def _gates(pod: Pod, before: JSON) -> str:
    """Which readiness gates are not true, as a sentence; "" if all are."""
    true = {item["type"] for item in before.get("conditions") or [] if item.get("status") == "True"}
    missing = [gate.condition_type for gate in pod.spec.readiness_gates if gate.condition_type not in true]
    return f'corresponding condition of pod readiness gate "{missing[0]}" does not exist.' if missing else ""


def _counted(pod: Pod) -> list[Container]:
    """Containers whose readiness makes the pod ready: the main ones and native sidecars."""
    return [item for item in pod.spec.init_containers if is_sidecar(item)] + list(pod.spec.containers)


def _uninitialised(pod: Pod, states: States) -> list[str]:
    return [item.name for item in pod.spec.init_containers if not _through(item, states[item.name])]


def _is_initialised(pod: Pod, states: States) -> bool:
    return not _uninitialised(pod, states)


def _through(container: Container, state: ContainerState) -> bool:
    if is_sidecar(container):
        return state.started
    return state.state == "ended" and state.ended is not None and state.ended.code == 0


def _container(container: Container, states: States, addresses: Addresses, first: str = "PodInitializing") -> JSON:
    state = states[container.name]
    last = state.ended if state.state == "ended" and state.reason else state.previous
    status: JSON = {
        "name": container.name,
        "image": container.image,
        "imageID": f"lateen://{container.image}" if state.attempt >= 0 else "",
        "ready": state.ready,
        "started": state.started,
        "restartCount": max(0, state.attempt),
        "state": _current(state, first),
        "lastState": {"terminated": _terminated(last)} if last is not None else {},
    }
    if state.attempt >= 0:
        status["containerID"] = f"lateen://{addresses.pod_ip or 'host'}/{container.name}/{state.attempt}"
    return status


def _current(state: ContainerState, first: str) -> JSON:
    """`first` is why a container waits that was never tried."""
    if state.state == "running":
        return {"running": {"startedAt": _time(state.started_at)}}
    if state.state == "ended" and state.ended is not None and not state.reason:
        return {"terminated": _terminated(state.ended)}
    waiting = {"reason": state.reason or first}
    return {"waiting": waiting | ({"message": state.message} if state.message else {})}


def _terminated(ended: Ended) -> JSON:
    found: JSON = {
        "exitCode": ended.code,
        "reason": ended.reason,
        "startedAt": _time(ended.started_at),
        "finishedAt": _time(ended.finished_at),
    }
    return found | ({"message": ended.message} if ended.message else {})


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def quality_of_service(pod: Pod) -> str:
    """Guaranteed, Burstable or BestEffort."""
    containers = pod.all_containers
    given: list[Mapping[str, Any]] = [
        item for one in containers for item in (one.resources.requests, one.resources.limits)
    ]
    if not any(given):
        return "BestEffort"
    exact = all(
        {"cpu", "memory"} <= one.resources.limits.keys()
        and all(one.resources.requests.get(name, value) == value for name, value in one.resources.limits.items())
        for one in containers
    )
    return "Guaranteed" if exact else "Burstable"
