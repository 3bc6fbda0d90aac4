"""A pod's row says how it does and, when it is not ready, the nearest cause and where to see more."""

from __future__ import annotations

from typing import Any

from lateen.app.pod_rows import PATIENCE, Warned, newest_warnings, pod_row, shortfall

BORN = "2026-01-02T03:04:05Z"
BORN_SECONDS = 1767323045.0


def pod(state: dict[str, Any] | None = None, last: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    entry = {"name": "app", "ready": False, "restartCount": 2, "state": state or {}, "lastState": last or {}}
    return {
        "metadata": {"name": "web-1", "namespace": "shop", "creationTimestamp": BORN},
        "spec": {"containers": [{"name": "app"}]},
        "status": {"phase": "Pending", "containerStatuses": [entry], **status},
    }


def crashing(**terminated: Any) -> dict[str, Any]:
    waiting = {
        "reason": "CrashLoopBackOff",
        "message": "back-off 40s restarting failed container=app pod=web-1_shop(u)",
    }
    return pod({"waiting": waiting}, {"terminated": terminated})


def row(raw: dict[str, Any], warned: Warned | None = None, age: float = 0.0):
    return pod_row(raw, {}, warned, BORN_SECONDS + age)


def test_a_program_that_ends_is_told_by_its_exit_code_and_the_command_that_shows_its_last_words() -> None:
    found = row(crashing(exitCode=3, reason="Error"))

    assert (found.status, found.failing) == ("CrashLoopBackOff", True)
    assert found.problem == (
        "container app ended with exit code 3 and is started again (2 restarts so far): "
        "see `kubectl logs -n shop web-1 -c app --previous`"
    )


def test_a_program_that_cannot_start_is_told_by_the_reason() -> None:
    found = row(
        crashing(exitCode=128, reason="StartError", message='exec: "nginx": executable file not found in $PATH')
    )

    assert found.problem == (
        'container app does not start: exec: "nginx": executable file not found in $PATH: '
        "install it on this machine, or give the container another command or image"
    )


def test_a_wrong_configuration_is_told_as_the_node_says_it() -> None:
    found = row(pod({"waiting": {"reason": "CreateContainerConfigError", "message": 'configmap "absent" not found'}}))

    assert (found.failing, found.problem) == (True, 'container app: configmap "absent" not found')


def test_a_pod_that_waits_says_what_was_warned_about_and_counts_as_failing_only_after_a_while() -> None:
    waiting = pod({"waiting": {"reason": "ContainerCreating"}})
    warned = Warned("FailedMount", 'MountVolume.SetUp failed: secret "absent" not found', BORN_SECONDS)

    early, late = row(waiting, warned, age=1), row(waiting, warned, age=PATIENCE + 1)

    assert early.problem == late.problem == 'MountVolume.SetUp failed: secret "absent" not found'
    assert (early.failing, late.failing) == (False, True)


def test_a_failing_probe_is_a_reason_but_slow_programs_are_given_time() -> None:
    warned = Warned("Unhealthy", "Readiness probe failed: connection refused", BORN_SECONDS)

    found = row(pod({"running": {}}, phase="Running"), warned, age=PATIENCE + 1)

    assert (found.problem, found.failing) == ("Readiness probe failed: connection refused", False)


def test_a_ready_pod_has_no_problem_whatever_was_warned_about_before() -> None:
    ready = pod({"running": {}}, phase="Running")
    ready["status"]["containerStatuses"][0]["ready"] = True

    found = row(ready, Warned("Unhealthy", "Readiness probe failed", BORN_SECONDS))

    assert (found.done, found.problem, found.ready) == (True, "", "1/1")


def test_a_pod_that_failed_for_good_is_failing() -> None:
    found = row(pod({"terminated": {"exitCode": 4}}, phase="Failed"))

    assert found.failing
    assert found.problem == "container app ended with exit code 4: see `kubectl logs -n shop web-1 -c app`"


def test_a_program_that_ran_once_and_left_its_proxy_behind_is_finished_or_failing() -> None:
    def once(code: int) -> dict[str, Any]:
        raw = pod({"terminated": {"exitCode": code}}, phase="Running")
        raw["spec"] = {"restartPolicy": "Never", "containers": [{"name": "app"}, {"name": "istio-proxy"}]}
        raw["status"]["containerStatuses"].append({"name": "istio-proxy", "ready": True, "state": {"running": {}}})
        return raw

    assert (row(once(0)).done, row(once(0)).problem) == (True, "")
    assert (row(once(2)).done, row(once(2)).failing) == (False, True)
    assert row(once(2)).problem.startswith("container app ended with exit code 2: see `kubectl logs")


def test_a_pod_without_a_place_says_why() -> None:
    nowhere = pod(conditions=[{"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}])
    nowhere["status"]["containerStatuses"] = []

    assert row(nowhere).problem == "0/1 nodes are available"


def test_a_deployment_without_pods_says_why() -> None:
    refused = {
        "type": "ReplicaFailure",
        "status": "True",
        "lastTransitionTime": BORN,
        "message": 'serviceaccount "absent" not found',
    }
    deployment = {
        "metadata": {"name": "web", "namespace": "shop", "generation": 1},
        "spec": {"replicas": 2},
        "status": {"observedGeneration": 1, "conditions": [refused]},
    }

    early, late = shortfall(deployment, BORN_SECONDS), shortfall(deployment, BORN_SECONDS + PATIENCE + 1)

    assert early is not None
    assert late is not None
    assert early.problem == 'deployment shop/web: 0 of 2 pods are ready: serviceaccount "absent" not found'
    assert (early.failing, late.failing) == (False, True)


def test_a_deployment_with_all_its_pods_lacks_nothing() -> None:
    complete = {
        "metadata": {"name": "web", "namespace": "shop", "generation": 1},
        "spec": {},
        "status": {"observedGeneration": 1, "updatedReplicas": 1, "readyReplicas": 1},
    }

    assert shortfall(complete, BORN_SECONDS) is None


def test_the_newest_warning_about_a_pod_counts() -> None:
    def event(reason: str, last: str, kind: str = "Pod") -> dict[str, Any]:
        about = {"kind": kind, "namespace": "shop", "name": "web-1"}
        return {
            "type": "Warning", "reason": reason, "message": reason.lower(), "involvedObject": about,
            "firstTimestamp": BORN, "lastTimestamp": last,
        }  # fmt: skip

    found = newest_warnings([
        event("Unhealthy", "2026-01-02T03:05:00Z"),
        event("FailedMount", "2026-01-02T03:04:30Z"),
        event("FailedCreate", "2026-01-02T03:09:00Z", kind="ReplicaSet"),
    ])  # fmt: skip

    assert found == {"shop/web-1": Warned("Unhealthy", "unhealthy", BORN_SECONDS)}
