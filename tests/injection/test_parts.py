"""The small parts: workloads, merging, patches, paths, values."""

from __future__ import annotations

from typing import Any

import pytest

from lateen.injection.merge import merge_pod
from lateen.injection.patch import json_patch
from lateen.injection.values import at, complete, text
from lateen.injection.webhook_path import variables
from lateen.injection.workload import Workload, workload_of


def owned(kind: str, name: str, **labels: str) -> dict[str, Any]:
    reference = {"apiVersion": "g/v1", "kind": kind, "name": name, "controller": True}
    return {"generateName": f"{name}-", "ownerReferences": [reference], "labels": labels}


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"name": "alone"}, ("alone", "v1", "Pod")),
        (owned("ReplicaSet", "web-5d9", **{"pod-template-hash": "5d9"}), ("web", "g/v1", "Deployment")),
        (owned("ReplicaSet", "web-5d9"), ("web-5d9", "g/v1", "ReplicaSet")),
        (owned("ReplicaSet", "web-5d9", **{"rollouts-pod-template-hash": "5d9"}), ("web", "v1alpha1", "Rollout")),
        (owned("Job", "tidy-28012345"), ("tidy", "batch/v1", "CronJob")),
        (owned("Job", "tidy-1"), ("tidy-1", "g/v1", "Job")),
        (owned("ReplicationController", "w-1", deploymentconfig="w"), ("w", "g/v1", "DeploymentConfig")),
        (owned("StatefulSet", "db"), ("db", "g/v1", "StatefulSet")),
    ],
)
def test_the_workload_of_a_pod(metadata: dict[str, Any], expected: tuple[str, str, str]) -> None:
    name, version, kind = expected

    assert workload_of(metadata, "shop") == Workload(name, "shop", version, kind)


def test_lists_merge_by_their_key_and_the_overlay_comes_first() -> None:
    base = {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}
    overlay = {"env": [{"name": "N", "value": "0"}, {"name": "B", "value": "3"}]}

    assert merge_pod(base, overlay) == {
        "env": [{"name": "N", "value": "0"}, {"name": "A", "value": "1"}, {"name": "B", "value": "3"}]
    }


def test_null_removes_and_a_volume_is_replaced_as_a_whole() -> None:
    base = {"a": 1, "volumes": [{"name": "v", "emptyDir": {}}]}

    assert merge_pod(base, {"a": None, "volumes": [{"name": "v", "secret": {"secretName": "s"}}]}) == {
        "volumes": [{"name": "v", "secret": {"secretName": "s"}}]
    }


def test_a_patch_names_only_what_differs() -> None:
    before = {"metadata": {"labels": {"a": "1", "gone": "x"}}, "spec": {"list": [1], "same": {"deep": 1}}}
    after = {"metadata": {"labels": {"a": "2", "x/y~z": "n"}}, "spec": {"list": [1, 2], "same": {"deep": 1}}}

    assert json_patch(before, after) == [
        {"op": "replace", "path": "/metadata/labels/a", "value": "2"},
        {"op": "remove", "path": "/metadata/labels/gone"},
        {"op": "add", "path": "/metadata/labels/x~1y~0z", "value": "n"},
        {"op": "replace", "path": "/spec/list", "value": [1, 2]},
    ]


def test_the_webhooks_path_names_cluster_and_network() -> None:
    assert variables("/inject/cluster/east/net/a--slash--b/") == {
        "ISTIO_META_CLUSTER_ID": "east",
        "ISTIO_META_NETWORK": "a/b",
    }
    assert variables("/inject") == {}
    assert variables("/inject/cluster") == {}


def test_values_lie_over_their_defaults() -> None:
    values = complete({"global": {"proxy": {"logLevel": "debug", "statusPort": None}}})

    assert text(values, "global.proxy.logLevel") == "debug"
    assert text(values, "global.proxy.image") == "proxyv2"
    assert text(values, "global.proxy.privileged") == "false"
    assert at(values, "global.proxy.statusPort.x") is None
