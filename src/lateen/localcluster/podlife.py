"""A pod's life as a pure decision: what its containers do now, and what to do next.

In: the pod and a `ContainerState` per container. Out: `Step`s (start this, stop that) and when to look again. Rules
kept: init containers one after the other; a native sidecar must have started before the next begins, and stops after
the main containers, last first; a restart waits for its back-off; nothing is started in a pod that is going away. The
order of events never matters: the same state gives the same steps.

Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/, .../init-containers/, .../sidecar-containers/
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from lateen.localcluster.pods import Container, Pod, is_sidecar
from lateen.localcluster.restart import must_restart

__all__ = ["ContainerState", "Ended", "Plan", "Start", "Stop", "is_over", "next_steps"]


class Ended(msgspec.Struct, frozen=True):
    """How a run of a container ended; times are seconds since 1970."""

    code: int
    reason: str
    message: str = ""
    started_at: float = 0.0
    finished_at: float = 0.0


class ContainerState(msgspec.Struct, frozen=True):
    """A container as it is. `attempt` counts its starts from 0 (-1: never started).

    `state` is waiting, running or ended. `started` = its startup probe and postStart hook are through; `crashes` =
    crashes in a row; `hooked` = its postStart hook has ended; `not_before` = when it may be started again, on a clock
    that never jumps; `stopping` = it was asked to end.
    """

    name: str
    attempt: int = -1
    state: str = "waiting"
    reason: str = ""
    message: str = ""
    started_at: float = 0.0
    started: bool = False
    hooked: bool = False
    ready: bool = False
    stopping: bool = False
    crashes: int = 0
    not_before: float = 0.0
    ended: Ended | None = None
    previous: Ended | None = None


class Start(msgspec.Struct, frozen=True):
    """Start a container (again)."""

    name: str


class Stop(msgspec.Struct, frozen=True):
    """Ask a container to end."""

    name: str
    reason: str = ""


class Plan(msgspec.Struct, frozen=True):
    """What to do now; `wake_at` is when to ask again without an event, 0 = only on events."""

    steps: tuple[Start | Stop, ...] = ()
    wake_at: float = 0.0


States = Mapping[str, ContainerState]


def next_steps(pod: Pod, states: States, now: float, *, doomed: bool = False) -> Plan:
    """What to do.

    `doomed` = the pod is to end for a reason of its own (deadline, eviction) though nobody deleted it.
    """
    if pod.deleting or doomed:
        return _wind_down(pod, states)
    if is_over(pod, states):
        return _wind_down(pod, states)
    starts: list[Container] = []
    for container in pod.spec.init_containers:
        state = states[container.name]
        if is_sidecar(container):
            if state.state != "running":
                starts.append(container)
            if not _sidecar_is_up(state):
                return _starts(starts, states, now)
        elif not _initialised(state):
            return _starts([*starts, *_restartable(pod, container, state)], states, now)
    for container in pod.spec.containers:
        starts += _restartable(pod, container, states[container.name])
        if _holds_back(container, states[container.name], starts):
            break
    return _starts(starts, states, now)


def _holds_back(container: Container, state: ContainerState, starts: list[Container]) -> bool:
    """Main containers start in order, and each waits until the postStart hook of the one before has ended."""
    return container.lifecycle.post_start is not None and (
        container in starts or (state.state == "running" and not state.hooked)
    )


def is_over(pod: Pod, states: States) -> bool:
    """Whether the pod has done all it will ever do (its sidecars do not count)."""
    policy = pod.spec.restart_policy
    for container in pod.spec.init_containers:
        state = states[container.name]
        if not is_sidecar(container) and state.ended is not None and state.state == "ended":
            if state.ended.code != 0 and policy == "Never":
                return True
        elif not is_sidecar(container) and not _initialised(state):
            return False
    return bool(pod.spec.containers) and all(
        _is_final(policy, states[container.name]) for container in pod.spec.containers
    )


def _is_final(policy: str, state: ContainerState) -> bool:
    return state.state == "ended" and state.ended is not None and not must_restart(policy, state.ended.code)


def _initialised(state: ContainerState) -> bool:
    return state.state == "ended" and state.ended is not None and state.ended.code == 0


def _sidecar_is_up(state: ContainerState) -> bool:
    """A sidecar that came up once does not hold the others back while it restarts."""
    return state.started or state.attempt > 0


def _restartable(pod: Pod, container: Container, state: ContainerState) -> list[Container]:
    if state.state == "running":
        return []
    if state.state == "ended" and state.ended is not None:
        policy = "OnFailure" if container in pod.spec.init_containers else pod.spec.restart_policy
        policy = "Never" if pod.spec.restart_policy == "Never" else policy
        return [container] if must_restart(policy, state.ended.code) else []
    return [container]


def _starts(containers: list[Container], states: States, now: float) -> Plan:
    due = [container for container in containers if states[container.name].not_before <= now]
    later = [states[container.name].not_before for container in containers if container not in due]
    return Plan(tuple(Start(container.name) for container in due), min(later, default=0.0))


def _wind_down(pod: Pod, states: States) -> Plan:
    """Stop main and init containers together, then the sidecars, last first."""
    running = [container for container in pod.all_containers if states[container.name].state == "running"]
    ordinary = [container for container in running if not is_sidecar(container)]
    chosen = ordinary or [container for container in reversed(running) if is_sidecar(container)][:1]
    return Plan(tuple(Stop(container.name) for container in chosen if not states[container.name].stopping))
