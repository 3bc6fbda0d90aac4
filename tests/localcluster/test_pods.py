"""Reading pod objects."""

from __future__ import annotations

from typing import Any

import pytest

from lateen.localcluster.pods import PodError, not_in_force, read_pod

META = {"name": "p", "namespace": "n", "uid": "u"}


def spec(**fields: Any) -> dict[str, Any]:
    return {"metadata": META, "spec": fields}


def test_nulls_count_as_absent_and_unknown_fields_do_not_matter() -> None:
    pod = read_pod(spec(containers=[{"name": "a", "args": None, "new": 1}], volumes=None, restartPolicy=None))

    assert pod.spec.containers[0].args == ()
    assert pod.spec.restart_policy == "Always"


def test_a_wrong_type_is_told_with_its_path() -> None:
    with pytest.raises(PodError, match=r"containers\[0\]"):
        read_pod(spec(containers=[{"name": 5}]))


def test_grace_is_the_deletions_own_or_the_manifests() -> None:
    assert read_pod(spec()).grace == 30
    assert read_pod(spec(terminationGracePeriodSeconds=0)).spec.grace == 0
    deleted = {"metadata": {**META, "deletionTimestamp": "t", "deletionGracePeriodSeconds": 3}, "spec": {}}
    assert (read_pod(deleted).grace, read_pod(deleted).deleting) == (3, "t")


def test_host_names_are_short_enough() -> None:
    long = {"metadata": {**META, "name": "x" * 62 + "-" + "y" * 20}, "spec": {}}

    assert read_pod(long).host_name == "x" * 62
    assert read_pod(spec(hostname="db-0")).host_name == "db-0"


def test_fields_that_are_not_in_force_are_named() -> None:
    pod = read_pod(
        spec(
            hostPID=True,
            containers=[
                {"name": "a", "ports": [{"containerPort": 1, "hostPort": 2}], "securityContext": {"procMount": "X"}}
            ],
        )
    )

    assert not_in_force(pod) == (
        "spec.hostPID",
        "spec.containers[0].ports[].hostPort",
        "spec.containers[0].securityContext.procMount",
    )
    assert not_in_force(read_pod(spec(containers=[{"name": "a"}]))) == ()
