"""Scale and binding."""

from __future__ import annotations

from typing import Any

import pytest

from lateen.localcluster.errors import ApiError
from lateen.localcluster.registry import builtin_kinds
from lateen.localcluster.subresources import bound, scale, scaled

KINDS = {info.kind: info for info in builtin_kinds()}
SELECTOR = {"matchLabels": {"b": "c", "a": "b"}, "matchExpressions": [{"key": "k", "operator": "DoesNotExist"}]}
DEPLOYMENT: dict[str, Any] = {
    "metadata": {"name": "d", "namespace": "n", "resourceVersion": "5", "labels": {"x": "y"}},
    "spec": {"replicas": 3, "selector": SELECTOR},
    "status": {"replicas": 2},
}


def test_the_scale_of_a_deployment() -> None:
    found = scale(DEPLOYMENT)
    assert (found["kind"], found["spec"]["replicas"]) == ("Scale", 3)
    assert found["status"] == {"replicas": 2, "selector": "a=b,b=c,!k"}
    assert "labels" not in found["metadata"]


def test_scaling_changes_only_the_replicas() -> None:
    changed = scaled(DEPLOYMENT, {"spec": {"replicas": 7}}, KINDS["Deployment"])
    assert changed["spec"] == {"replicas": 7, "selector": SELECTOR}
    assert DEPLOYMENT["spec"]["replicas"] == 3


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"metadata": {"resourceVersion": "4"}, "spec": {"replicas": 1}}, 409),
        ({"spec": {"replicas": -1}}, 422),
        ({"spec": {"replicas": "1"}}, 400),
    ],
)
def test_scales_that_are_refused(body: dict[str, Any], code: int) -> None:
    with pytest.raises(ApiError) as refused:
        scaled(DEPLOYMENT, body, KINDS["Deployment"])
    assert refused.value.code == code


def test_a_pod_is_bound_once() -> None:
    pod = {"metadata": {"name": "p"}, "spec": {}}
    done = bound(pod, {"target": {"kind": "Node", "name": "a"}}, KINDS["Pod"], "now")
    assert done["spec"]["nodeName"] == "a"
    assert done["status"]["conditions"][0]["type"] == "PodScheduled"
    with pytest.raises(ApiError, match="already assigned to node"):
        bound(done, {"target": {"name": "b"}}, KINDS["Pod"], "now")
    with pytest.raises(ApiError, match="must name a Node"):
        bound(pod, {"target": {}}, KINDS["Pod"], "now")
