"""JSON patch, merge patch and strategic merge patch."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lateen.localcluster import patch, patch_json
from lateen.localcluster.errors import ApiError
from lateen.localcluster.registry import KindInfo, builtin_kinds

DEPLOYMENT = next(info for info in builtin_kinds() if info.kind == "Deployment")
POD = next(info for info in builtin_kinds() if info.kind == "Pod")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=8,
)


def strategic(obj: dict[str, Any], body: dict[str, Any], info: KindInfo = POD) -> dict[str, Any]:
    return patch.apply({"metadata": {}, **obj}, body, patch.STRATEGIC_PATCH, info)


# JSON patch


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ({"op": "add", "path": "/c", "value": 1}, {"a": [1, 2], "b~/": 3, "c": 1}),
        ({"op": "add", "path": "/a/1", "value": 9}, {"a": [1, 9, 2], "b~/": 3}),
        ({"op": "add", "path": "/a/-", "value": 9}, {"a": [1, 2, 9], "b~/": 3}),
        ({"op": "remove", "path": "/a/0"}, {"a": [2], "b~/": 3}),
        ({"op": "replace", "path": "/b~0~1", "value": 4}, {"a": [1, 2], "b~/": 4}),
        ({"op": "copy", "from": "/a/0", "path": "/a/-"}, {"a": [1, 2, 1], "b~/": 3}),
        ({"op": "move", "from": "/a", "path": "/d"}, {"d": [1, 2], "b~/": 3}),
        ({"op": "test", "path": "/a", "value": [1, 2]}, {"a": [1, 2], "b~/": 3}),
    ],
)
def test_json_patch_operations(operation: dict[str, Any], expected: Any) -> None:
    document = {"a": [1, 2], "b~/": 3}
    assert patch_json.apply(document, [operation]) == expected
    assert document == {"a": [1, 2], "b~/": 3}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/x"},
        {"op": "replace", "path": "/x", "value": 1},
        {"op": "add", "path": "/a/7", "value": 1},
        {"op": "add", "path": "/a/01", "value": 1},
        {"op": "test", "path": "/flag", "value": 1},
        {"op": "move", "from": "/a", "path": "/a/0"},
        {"op": "add", "path": "/flag/x", "value": 1},
    ],
)
def test_G57_json_patches_that_do_not_apply(operation: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as refused:
        patch_json.apply({"a": [1], "flag": True}, [operation])
    assert refused.value.code == 422


def test_G57_a_small_patch_cannot_grow_an_object_without_bound() -> None:
    doubling = [{"op": "copy", "from": "", "path": f"/{number}"} for number in range(40)]
    with pytest.raises(ApiError) as refused:
        patch_json.apply({"text": "x" * 1000}, doubling)
    assert refused.value.code == 413


# Merge patch (the examples of RFC 7386)


@pytest.mark.parametrize(
    ("target", "body", "expected"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patch(target: Any, body: Any, expected: Any) -> None:
    assert patch.merge(target, body) == expected


@given(VALUES, VALUES)
def test_a_merge_patch_never_changes_its_target(target: Any, body: Any) -> None:
    before = deepcopy(target)
    patch.merge(target, body)
    assert target == before


# Strategic merge patch


def containers(*names: str, **extra: Any) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": name, "image": "old", **extra} for name in names]}}


def test_lists_with_a_merge_key_merge_item_by_item() -> None:
    changed = strategic(containers("a", "b"), {"spec": {"containers": [{"name": "b", "image": "new"}, {"name": "c"}]}})
    assert changed["spec"]["containers"] == [
        {"name": "a", "image": "old"},
        {"name": "b", "image": "new"},
        {"name": "c"},
    ]


def test_lists_without_a_merge_key_are_replaced() -> None:
    changed = strategic(containers("a", args=["1", "2"]), {"spec": {"containers": [{"name": "a", "args": ["3"]}]}})
    assert changed["spec"]["containers"][0]["args"] == ["3"]


def test_an_item_is_deleted_by_directive() -> None:
    body = {"spec": {"containers": [{"name": "a", "$patch": "delete"}]}}
    assert [item["name"] for item in strategic(containers("a", "b"), body)["spec"]["containers"]] == ["b"]


def test_a_list_or_object_is_replaced_by_directive() -> None:
    body = {"spec": {"containers": [{"name": "z"}, {"$patch": "replace"}]}}
    assert strategic(containers("a", "b"), body)["spec"]["containers"] == [{"name": "z"}]
    replaced = strategic(containers("a"), {"spec": {"$patch": "replace", "nodeName": "n"}})
    assert replaced["spec"] == {"nodeName": "n"}


def test_element_order_follows_the_patch() -> None:
    body = {
        "spec": {
            "$setElementOrder/containers": [{"name": "c"}, {"name": "a"}],
            "containers": [{"name": "c", "image": "new"}],
        }
    }
    changed = strategic(containers("a", "b"), body)
    assert [item["name"] for item in changed["spec"]["containers"]] == ["c", "a", "b"]


def test_primitive_lists_merge_and_lose_items() -> None:
    obj = {"metadata": {"finalizers": ["a", "b"]}}
    body = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"], "finalizers": ["c"]}}
    assert strategic(obj, body)["metadata"]["finalizers"] == ["b", "c"]


def test_retain_keys_clears_the_other_members_of_a_union() -> None:
    obj = {"metadata": {}, "spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}
    body = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    assert strategic(obj, body, DEPLOYMENT)["spec"]["strategy"] == {"type": "Recreate"}


def test_null_removes() -> None:
    obj = {"metadata": {"labels": {"a": "b"}}}
    assert strategic(obj, {"metadata": {"labels": None}})["metadata"] == {}


@pytest.mark.parametrize(
    "body",
    [
        {"spec": {"$patch": "explode"}},
        {"spec": {"containers": [{"image": "no name"}]}},
        {"spec": {"containers": ["text"]}},
        {"spec": {"$retainKeys": "x"}},
        {"metadata": {"$deleteFromPrimitiveList/finalizers": "a"}},
        {"metadata": None},
    ],
)
def test_patches_that_make_no_sense(body: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as refused:
        strategic(containers("a"), body)
    assert refused.value.code == 400


def test_custom_kinds_have_no_strategic_merge() -> None:
    custom = KindInfo("e.com", "v1", "X", "xs", "x", True, "v1", custom=True)
    with pytest.raises(ApiError) as refused:
        patch.apply({"metadata": {}}, {}, patch.STRATEGIC_PATCH, custom)
    assert refused.value.code == 415
