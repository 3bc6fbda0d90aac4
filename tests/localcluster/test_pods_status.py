"""What the API shows of a pod."""

from __future__ import annotations

from typing import Any

from lateen.localcluster.podlife import ContainerState, Ended
from lateen.localcluster.pods import Pod, read_pod
from lateen.localcluster.pods_status import Addresses, Doom, pod_status, quality_of_service

NOW, BEFORE = "2026-01-01T00:00:10Z", "2026-01-01T00:00:00Z"
PLACE = Addresses("10.128.1.1", "10.128.255.2")


def pod(status: dict[str, Any] | None = None, **spec: Any) -> Pod:
    meta = {"name": "p", "namespace": "default", "uid": "u"}
    return read_pod(
        {"metadata": meta, "spec": {"containers": [{"name": "a", "image": "i"}], **spec}, "status": status or {}}
    )


def condition(status: dict[str, Any], kind: str) -> dict[str, Any]:
    return next(item for item in status["conditions"] if item["type"] == kind)


def running(name: str = "a", *, ready: bool = True) -> dict[str, ContainerState]:
    return {name: ContainerState(name, attempt=0, state="running", started=True, ready=ready, started_at=5.0)}


def test_a_ready_pod_runs_and_has_its_addresses() -> None:
    status = pod_status(pod(), running(), PLACE, NOW)

    assert (status["phase"], status["podIP"], status["hostIP"]) == ("Running", "10.128.1.1", "10.128.255.2")
    assert condition(status, "Ready")["status"] == "True"
    assert status["containerStatuses"][0]["state"] == {"running": {"startedAt": "1970-01-01T00:00:05Z"}}


def test_a_condition_keeps_its_time_until_it_changes() -> None:
    first = pod_status(pod(), running(ready=False), PLACE, BEFORE)
    same = pod_status(pod(first), running(ready=False), PLACE, NOW)
    changed = pod_status(pod(first), running(), PLACE, NOW)

    assert condition(same, "Ready")["lastTransitionTime"] == BEFORE
    assert condition(changed, "Ready")["lastTransitionTime"] == NOW
    assert condition(same, "Ready")["message"] == "containers with unready status: [a]"


def test_a_pod_that_has_not_begun_is_pending() -> None:
    status = pod_status(pod(), {"a": ContainerState("a")}, Addresses("", "10.128.255.2"), NOW)

    assert status["phase"] == "Pending"
    assert "podIP" not in status
    assert status["containerStatuses"][0]["state"] == {"waiting": {"reason": "ContainerCreating"}}


def test_a_crash_loop_shows_the_last_end() -> None:
    end = Ended(3, "Error", "", 1.0, 2.0)
    state = ContainerState("a", attempt=2, state="ended", ended=end, reason="CrashLoopBackOff", message="back-off")
    shown = pod_status(pod(), {"a": state}, PLACE, NOW)["containerStatuses"][0]

    assert shown["state"] == {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}
    assert shown["lastState"]["terminated"]["exitCode"] == 3
    assert shown["restartCount"] == 2


def test_finished_and_doomed_pods() -> None:
    for code, phase in ((0, "Succeeded"), (1, "Failed")):
        state = {"a": ContainerState("a", attempt=0, state="ended", ended=Ended(code, "x"))}
        status = pod_status(pod(restartPolicy="Never"), state, PLACE, NOW)

        assert status["phase"] == phase
        assert condition(status, "Ready")["reason"] == "PodCompleted"
    doomed = pod_status(pod(), running(), PLACE, NOW, Doom("DeadlineExceeded", "too long"))
    assert (doomed["phase"], doomed["reason"]) == ("Failed", "DeadlineExceeded")


def test_init_containers_and_gates_hold_readiness_back() -> None:
    waiting = pod_status(
        pod(initContainers=[{"name": "i"}]), {"i": ContainerState("i"), "a": ContainerState("a")}, PLACE, NOW
    )

    assert condition(waiting, "Initialized")["message"] == "containers with incomplete status: [i]"
    gated = pod_status(pod(readinessGates=[{"conditionType": "my/gate"}]), running(), PLACE, NOW)
    assert condition(gated, "Ready")["reason"] == "ReadinessGatesNotReady"
    given = {"conditions": [{"type": "my/gate", "status": "True"}]}
    opened = pod_status(pod(given, readinessGates=[{"conditionType": "my/gate"}]), running(), PLACE, NOW)
    assert condition(opened, "Ready")["status"] == "True"
    assert condition(opened, "my/gate")["status"] == "True", "somebody else's condition stays"


def test_quality_of_service_classes() -> None:
    def classed(**resources: Any) -> str:
        return quality_of_service(pod(containers=[{"name": "a", "resources": resources}]))

    assert classed() == "BestEffort"
    assert classed(requests={"cpu": "1"}) == "Burstable"
    assert classed(limits={"cpu": "1", "memory": "1Gi"}) == "Guaranteed"
