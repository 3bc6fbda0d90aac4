"""A pod's life, told as states and the steps that follow."""

from __future__ import annotations

from typing import Any

from lateen.localcluster.podlife import ContainerState, Ended, Start, Stop, is_over, next_steps
from lateen.localcluster.pods import Pod, read_pod


def pod(**spec: Any) -> Pod:
    meta: dict[str, Any] = {"name": "p", "namespace": "default", "uid": "u"}
    deleting = spec.pop("deleting", None)
    if deleting:
        meta["deletionTimestamp"] = deleting
    given = {"containers": [{"name": "a"}, {"name": "b"}], **spec}
    return read_pod({"metadata": meta, "spec": given})


def running(name: str, *, started: bool = True) -> ContainerState:
    return ContainerState(name, attempt=0, state="running", started=started)


def ended(name: str, code: int, **more: Any) -> ContainerState:
    return ContainerState(name, attempt=0, state="ended", ended=Ended(code, "x"), **more)


def states(*given: ContainerState) -> dict[str, ContainerState]:
    return {state.name: state for state in given}


INIT = [{"name": "one"}, {"name": "two"}]
SIDECAR = [{"name": "side", "restartPolicy": "Always"}, {"name": "two"}]
FRESH = tuple(ContainerState(name) for name in ("one", "two", "side", "a", "b"))


def test_containers_start_together() -> None:
    plan = next_steps(pod(), states(*FRESH), 0)

    assert plan.steps == (Start("a"), Start("b"))


def test_init_containers_run_one_after_the_other_and_before_all_others() -> None:
    wanted = pod(initContainers=INIT)

    assert next_steps(wanted, states(*FRESH), 0).steps == (Start("one"),)
    assert next_steps(wanted, states(*FRESH, running("one")), 0).steps == ()
    assert next_steps(wanted, states(*FRESH, ended("one", 0)), 0).steps == (Start("two"),)
    assert next_steps(wanted, states(*FRESH, ended("one", 0), ended("two", 0)), 0).steps == (Start("a"), Start("b"))


def test_a_failing_init_container_is_tried_again_unless_the_pod_forbids_it() -> None:
    failed = states(*FRESH, ended("one", 1, not_before=10.0))

    assert next_steps(pod(initContainers=INIT), failed, 5).wake_at == 10
    assert next_steps(pod(initContainers=INIT), failed, 10).steps == (Start("one"),)
    never = pod(initContainers=INIT, restartPolicy="Never")
    assert next_steps(never, failed, 10).steps == ()
    assert is_over(never, failed)


def test_a_sidecar_holds_the_others_until_it_has_started_and_is_restarted_beside_them() -> None:
    wanted = pod(initContainers=SIDECAR)

    assert next_steps(wanted, states(*FRESH), 0).steps == (Start("side"),)
    assert next_steps(wanted, states(*FRESH, running("side", started=False)), 0).steps == ()
    assert next_steps(wanted, states(*FRESH, running("side")), 0).steps == (Start("two"),)
    crashed = ContainerState("side", attempt=1, state="ended", ended=Ended(1, "Error"))
    done = states(*FRESH, crashed, ended("two", 0), running("a"), running("b"))
    assert next_steps(wanted, done, 0).steps == (Start("side"),)


def test_restarts_follow_the_policy_and_wait_for_their_time() -> None:
    for policy, code, steps in (
        ("Always", 0, (Start("a"),)),
        ("OnFailure", 1, (Start("a"),)),
        ("OnFailure", 0, ()),
        ("Never", 1, ()),
    ):
        wanted = pod(restartPolicy=policy)
        plan = next_steps(wanted, states(ended("a", code), running("b")), 0)

        assert plan.steps == steps, (policy, code)
    later = next_steps(pod(), states(ended("a", 1, not_before=7.0), running("b")), 1)
    assert (later.steps, later.wake_at) == ((), 7.0)


def test_a_finished_pod_stops_its_sidecars() -> None:
    wanted = pod(initContainers=SIDECAR, restartPolicy="Never")
    done = states(running("side"), ended("two", 0), ended("a", 0), ended("b", 3))

    assert is_over(wanted, done)
    assert next_steps(wanted, done, 0).steps == (Stop("side"),)


def test_a_deleted_pod_stops_main_containers_first_then_sidecars_and_starts_nothing() -> None:
    wanted = pod(initContainers=SIDECAR, deleting="2026-01-01T00:00:00Z")
    alive = states(running("side"), ended("two", 0), running("a"), ended("b", 1))

    assert next_steps(wanted, alive, 0).steps == (Stop("a"),)
    stopping = states(
        running("side"), ended("two", 0), ContainerState("a", state="running", stopping=True), ended("b", 1)
    )
    assert next_steps(wanted, stopping, 0).steps == ()
    assert next_steps(wanted, states(running("side"), ended("two", 0), ended("a", 0), ended("b", 1)), 0).steps == (
        Stop("side"),
    )


def test_a_doomed_pod_is_stopped_like_a_deleted_one() -> None:
    assert next_steps(pod(), states(running("a"), running("b")), 0, doomed=True).steps == (Stop("a"), Stop("b"))


def test_a_post_start_hook_holds_the_containers_behind_it_back() -> None:
    hook = {"postStart": {"sleep": {"seconds": 1}}}
    wanted = pod(containers=[{"name": "a", "lifecycle": hook}, {"name": "b"}])

    assert next_steps(wanted, states(*FRESH), 0).steps == (Start("a"),)
    assert next_steps(wanted, states(*FRESH, running("a")), 0).steps == ()
    hooked = ContainerState("a", attempt=0, state="running", hooked=True)
    assert next_steps(wanted, states(*FRESH, hooked), 0).steps == (Start("b"),)
