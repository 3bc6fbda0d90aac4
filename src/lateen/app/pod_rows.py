"""What a person wants to know of a pod: how it does in one row, and why it does not get ready.

In: raw Pods, Deployments and Warning Events, and the time. Out: `PodRow`, `Shortfall`. Rule: a reason is the nearest
cause that the cluster knows (how the container ended, what was warned about last), with the command that shows more;
`failing` means that it will not get ready without help, so nobody need wait for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

FAILING = {
    "ErrImagePull",
    "ImagePullBackOff",
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
}
LASTING = {"FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox", "FailedScheduling"}
PATIENCE = 20.0  # seconds: what is missing for longer does not come by itself


class PodRow(msgspec.Struct, frozen=True, order=True):
    """One line of the table. `sync` is `-` for a pod without proxy; `problem` says why it is not ready."""

    namespace: str
    name: str
    ready: str
    status: str
    sync: str = "-"
    problem: str = ""
    done: bool = False
    failing: bool = False


class Shortfall(msgspec.Struct, frozen=True):
    """A Deployment that lacks pods, and why."""

    problem: str
    failing: bool


class Warned(msgspec.Struct, frozen=True):
    """The last warning about a pod; `since` is when it was first given (seconds since 1970)."""

    reason: str
    message: str
    since: float


class _Cause(msgspec.Struct, frozen=True):
    text: str = ""
    status: str = ""
    failing: bool = False


def pod_row(pod: dict[str, Any], proxies: dict[str, str], warned: Warned | None, now: float) -> PodRow:
    """The table row of a raw Pod; `proxies` maps `namespace/name` to the proxy's state."""
    status, meta = pod.get("status") or {}, pod["metadata"]
    shown = [c for c in _statuses(pod) if c.get("name") in _counted(pod)]
    ready = sum(bool(c.get("ready")) for c in shown)
    phase = str(status.get("phase") or "Pending")
    finished = sum(_finished(pod, c) for c in shown)
    done = phase == "Succeeded" or (ready + finished == len(_counted(pod)) > 0)
    leaving = bool(meta.get("deletionTimestamp"))
    cause = _Cause() if done or leaving else _cause(pod, phase, warned, now)
    has_proxy = any(c.get("name") == "istio-proxy" for c in _containers(pod))
    return PodRow(
        namespace=meta.get("namespace", ""),
        name=meta["name"],
        ready=f"{ready}/{len(_counted(pod))}",
        status="Terminating" if leaving else (cause.status or phase),
        sync=proxies.get(_key(meta), "WAITING") if has_proxy else "-",
        problem=cause.text,
        done=done,
        failing=cause.failing,
    )


def shortfall(deployment: dict[str, Any], now: float) -> Shortfall | None:
    """What a Deployment lacks, None if it has all its pods."""
    status, meta = deployment.get("status") or {}, deployment["metadata"]
    wanted, ready = deployment["spec"].get("replicas", 1), status.get("readyReplicas", 0)
    current = status.get("observedGeneration", 0) >= meta.get("generation", 1)
    if current and status.get("updatedReplicas", 0) >= wanted and ready >= wanted:
        return None
    refusal = _condition(status, "ReplicaFailure", "True")
    what = f"deployment {meta.get('namespace', '')}/{meta['name']}: {ready} of {wanted} pods are ready"
    if refusal is None:
        return Shortfall(what, failing=False)
    lasting = now - _seconds(refusal.get("lastTransitionTime")) > PATIENCE
    return Shortfall(f"{what}: {refusal.get('message')}", failing=lasting)


def newest_warnings(events: Iterable[dict[str, Any]]) -> dict[str, Warned]:
    """The last warning about each pod, by `namespace/name`."""
    about_pods = [
        e for e in events if e.get("type") == "Warning" and (e.get("involvedObject") or {}).get("kind") == "Pod"
    ]
    about_pods.sort(key=lambda e: str(e.get("lastTimestamp") or e.get("eventTime") or ""))
    return {_key(e["involvedObject"]): _warned(e) for e in about_pods}


def _warned(event: dict[str, Any]) -> Warned:
    since = _seconds(event.get("firstTimestamp") or event.get("eventTime"))
    return Warned(str(event.get("reason") or ""), str(event.get("message") or ""), since)


def _cause(pod: dict[str, Any], phase: str, warned: Warned | None, now: float) -> _Cause:
    for container in _statuses(pod):
        cause = _container_cause(pod, container, phase)
        if cause.text:
            return cause
    placed = _condition(pod.get("status") or {}, "PodScheduled", "False")
    if placed is not None:
        return _Cause(str(placed.get("message") or "no node takes the pod"))
    if warned is not None:
        lasting = warned.reason in LASTING and now - warned.since > PATIENCE
        return _Cause(warned.message, failing=lasting)
    return _Cause()


def _container_cause(pod: dict[str, Any], container: dict[str, Any], phase: str) -> _Cause:
    state, name = container.get("state") or {}, container.get("name")
    waiting, ended = state.get("waiting") or {}, state.get("terminated") or {}
    reason = str(waiting.get("reason") or "")
    if reason == "CrashLoopBackOff":
        last = (container.get("lastState") or {}).get("terminated") or {}
        return _Cause(_crash(pod, container, last), reason, failing=True)
    if reason in FAILING:
        return _Cause(f"container {name}: {waiting.get('message') or reason}", reason, failing=True)
    if ended.get("exitCode") and (phase == "Failed" or pod["spec"].get("restartPolicy") == "Never"):
        return _Cause(f"container {name} ended with {_exit(ended)}: {_see(pod, name)}`", failing=True)
    return _Cause()


def _finished(pod: dict[str, Any], container: dict[str, Any]) -> bool:
    """Whether a container has done its work and is not meant to run again (its pod's proxy may run on)."""
    ended = (container.get("state") or {}).get("terminated") or {}
    return ended.get("exitCode") == 0 and pod["spec"].get("restartPolicy", "Always") != "Always"


def _crash(pod: dict[str, Any], container: dict[str, Any], last: dict[str, Any]) -> str:
    name, message = container.get("name"), str(last.get("message") or "")
    if last.get("reason") == "StartError":
        remedy = "install it on this machine, or give the container another command or image"
        return f"container {name} does not start: {message}: {remedy}"
    restarts = f"is started again ({container.get('restartCount', 0)} restarts so far)"
    return f"container {name} ended with {_exit(last)} and {restarts}: {_see(pod, name)} --previous`"


def _exit(ended: dict[str, Any]) -> str:
    said = f" ({ended['message'].strip()})" if ended.get("message") else ""
    return f"exit code {ended.get('exitCode', 'unknown')}{said}"


def _see(pod: dict[str, Any], container: object) -> str:
    meta = pod["metadata"]
    return f"see `kubectl logs -n {meta.get('namespace', '')} {meta['name']} -c {container}"


def _statuses(pod: dict[str, Any]) -> list[dict[str, Any]]:
    status = pod.get("status") or {}
    return [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]


def _counted(pod: dict[str, Any]) -> set[str]:
    native = [c for c in pod["spec"].get("initContainers") or [] if c.get("restartPolicy") == "Always"]
    return {c["name"] for c in [*pod["spec"]["containers"], *native]}


def _containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [*(pod["spec"].get("initContainers") or []), *pod["spec"]["containers"]]


def _condition(status: dict[str, Any], kind: str, value: str) -> dict[str, Any] | None:
    found = (c for c in status.get("conditions") or [] if c.get("type") == kind and c.get("status") == value)
    return next(found, None)


def _key(meta: dict[str, Any]) -> str:
    return f"{meta.get('namespace', '')}/{meta['name']}"


def _seconds(stamp: object) -> float:
    try:
        return datetime.fromisoformat(str(stamp)).timestamp()
    except ValueError:
        return 0.0
