"""Requests made to hurt (hostile inputs 57 to 59): each is refused in words, at a cost that does not explode."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lateen.localcluster import client_values, patch, protobuf, requests, selectors
from lateen.localcluster.auth.authenticate import Trust
from lateen.localcluster.auth.identity import User
from lateen.localcluster.auth.reviews import access_review, token_review
from lateen.localcluster.auth.token_request import Issuing, token_request
from lateen.localcluster.errors import ApiError
from lateen.localcluster.registry import builtin_kinds
from lateen.localcluster.store_rules import Stamp, created, deleted
from lateen.localcluster.subresources import bound, scaled
from lateen.localcluster.validation_definition import definition

KINDS = {info.kind: info for info in builtin_kinds()}
POD, CONFIG_MAP = KINDS["Pod"], KINDS["ConfigMap"]
MANY = 20_000
SOME_SECONDS = 3.0  # of processor time; what it cost before was minutes
FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from(["²", "\0", "$patch"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@contextmanager
def cheap() -> Iterator[None]:
    start = time.process_time()
    yield
    assert time.process_time() - start < SOME_SECONDS


def large_map() -> dict[str, Any]:
    return {"metadata": {}, "data": {f"k{number}": "v" for number in range(MANY)}}


# 57: patches


def test_G57_moving_a_large_value_ten_thousand_times_is_cheap() -> None:
    there, back = {"op": "move", "from": "/data", "path": "/x"}, {"op": "move", "from": "/x", "path": "/data"}
    with cheap():
        assert patch.apply(large_map(), [there, back] * 5000, patch.JSON_PATCH, CONFIG_MAP) == large_map()


@pytest.mark.parametrize(
    "operations",
    [
        [{"op": "add", "path": "/data" + "/a" * depth, "value": {}} for depth in range(1, 2000)],
        [{"op": "add", "path": "/data/a", "value": {}}]
        + [{"op": "copy", "from": "/data/a", "path": "/data/a" + "/a" * 2**power} for power in range(12)],
    ],
    ids=["adding", "copying"],
)
def test_G57_a_patch_cannot_nest_deeper_than_an_object_may(operations: list[Any]) -> None:
    with cheap(), pytest.raises(ApiError, match="nest") as refused:
        patch.apply({"metadata": {}, "data": {}}, operations, patch.JSON_PATCH, CONFIG_MAP)
    assert refused.value.code == 400


@pytest.mark.parametrize("index", ["²", "٣", "-0", "+1", " 1", "1_0", "9" * 5000])
def test_G57_an_index_is_ascii_digits(index: str) -> None:
    operation = {"op": "remove", "path": f"/metadata/finalizers/{index}"}
    with pytest.raises(ApiError, match="is not in the list"):
        patch.apply({"metadata": {"finalizers": ["a"] * 9}}, [operation], patch.JSON_PATCH, POD)


@pytest.mark.parametrize(
    ("current", "body"),
    [
        ({}, {"spec": {"containers": [{"name": f"c{number}"} for number in range(MANY)]}}),
        ({}, {"metadata": {"finalizers": [f"f{number}" for number in range(MANY)]}}),
        ({"finalizers": [f"f{n}" for n in range(MANY)]}, {"metadata": {"finalizers": [f"g{n}" for n in range(MANY)]}}),
        (
            {"finalizers": [f"f{number}" for number in range(MANY)]},
            {"metadata": {"$deleteFromPrimitiveList/finalizers": [f"g{number}" for number in range(MANY)]}},
        ),
        ({f"k{n}": "v" for n in range(MANY)}, {"metadata": {"$retainKeys": [f"x{number}" for number in range(MANY)]}}),
    ],
    ids=["items by key", "values", "values beside others", "deleting", "retaining"],
)
def test_G57_a_strategic_merge_costs_what_its_size_is(current: dict[str, Any], body: dict[str, Any]) -> None:
    with cheap():
        patch.apply({"metadata": current, "spec": {}}, body, patch.STRATEGIC_PATCH, POD)


def test_G57_the_last_of_equal_keys_wins_and_deleting_takes_all() -> None:
    """What the faster way of merging must not change."""
    twice = {"metadata": {}, "spec": {"containers": [{"name": "a"}, {"name": "b"}, {"name": "a"}]}}
    body = {"spec": {"containers": [{"name": "a", "$patch": "delete"}, {"name": "c"}, {"name": "c", "image": "x"}]}}

    found = patch.apply(twice, body, patch.STRATEGIC_PATCH, POD)

    assert found["spec"]["containers"] == [{"name": "b"}, {"name": "c", "image": "x"}]


@given(st.sampled_from([patch.JSON_PATCH, patch.MERGE_PATCH, patch.STRATEGIC_PATCH]), st.data())
@FUZZ
def test_G57_any_patch_applies_or_is_refused(content_type: str, data: st.DataObject) -> None:
    obj = {
        "metadata": {"name": "p", "finalizers": ["a"], "labels": {"a": "b"}},
        "spec": {"containers": [{"name": "c", "ports": [{"containerPort": 80}], "args": ["x"]}], "tolerations": [{}]},
    }
    where = st.sampled_from(
        ["", "/", "/metadata", "/spec/containers/0", "/spec/containers/-", "/spec/x/y", "/metadata/²"]
    )
    operation = st.fixed_dictionaries(
        {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test", "x"]), "path": where},
        optional={"from": where, "value": JUNK},
    )
    item = st.dictionaries(
        st.sampled_from(["name", "$patch", "ports", "args", "$setElementOrder/ports"]), JUNK, max_size=3
    )
    parts = st.fixed_dictionaries(
        {},
        optional={
            "metadata": JUNK,
            "spec": st.fixed_dictionaries({}, optional={"containers": st.lists(item) | JUNK, "$retainKeys": JUNK}),
            "$patch": JUNK,
        },
    )
    body = data.draw(st.lists(operation, max_size=4) if content_type == patch.JSON_PATCH else parts)
    try:
        patch.apply(obj, body, content_type, POD)
    except ApiError as error:
        assert error.code in (400, 413, 422)


@pytest.mark.parametrize("preconditions", ["x", [1], 3, {"uid": ["x"]}])
def test_G57_preconditions_that_are_none(preconditions: Any) -> None:
    stamp = Stamp("2026-01-01T00:00:00Z", "u", "x", str)
    obj = {"metadata": {"name": "a", "uid": "u", "resourceVersion": "1"}}
    with pytest.raises(ApiError) as refused:
        deleted(obj, CONFIG_MAP, {"preconditions": preconditions}, stamp)
    assert refused.value.code in (400, 409)


@pytest.mark.parametrize("spec", [None, {}, {"versions": [{"storage": True}]}, {"names": None, "versions": None}])
def test_G57_definitions_with_nothing_in_them_are_refused_not_a_crash(spec: Any) -> None:
    stamp = Stamp("2026-01-01T00:00:00Z", "u", "x", str)
    obj = {"kind": "CustomResourceDefinition", "metadata": {"name": "a"}, "spec": spec}

    made = created(obj, KINDS["CustomResourceDefinition"], "", stamp)

    assert definition(made)


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def part(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def envelope(api_version: bytes, kind: bytes, raw: bytes) -> bytes:
    return protobuf.MAGIC + part(1, part(1, api_version) + part(2, kind)) + part(2, raw)


@pytest.mark.parametrize("seconds", [2**62, 2**63 - 1, 253402300800])
def test_G57_protobuf_times_beyond_the_calendar(seconds: int) -> None:
    body = envelope(b"v1", b"ConfigMap", part(1, part(8, b"\x08" + varint(seconds))))
    with pytest.raises(ApiError, match="no valid protobuf"):
        protobuf.decode(body)


def test_G57_protobuf_without_a_version_or_with_deep_json_inside() -> None:
    assert protobuf.decode(protobuf.MAGIC + part(1, part(2, b"DeleteOptions")))["apiVersion"] == ""
    fields = part(17, part(7, part(1, b"[" * 100_000)))
    with pytest.raises(ApiError, match="no valid protobuf"):
        protobuf.decode(envelope(b"v1", b"ConfigMap", part(1, fields)))


@given(st.sampled_from([b"Pod", b"ConfigMap", b"Deployment", b"Event", b"DeleteOptions"]), st.binary(max_size=60))
@FUZZ
def test_G57_any_protobuf_is_decoded_or_refused(kind: bytes, raw: bytes) -> None:
    for body in (envelope(b"apps/v1" if kind == b"Deployment" else b"v1", kind, raw), protobuf.MAGIC + raw, raw):
        try:
            protobuf.decode(body)
        except ApiError as error:
            assert error.code in (400, 415)


# 58: selectors


@pytest.mark.parametrize(
    "text",
    ["metadata.name=x" + " " * 15_000 + "x", "metadata.name=" + " " * 15_000 + "x\nx", " " * 30_000, "=" * 30_000],
)
def test_G58_field_selectors_cost_what_their_size_is(text: str) -> None:
    with cheap():
        try:
            selectors.parse("", text, "Pod")
        except ApiError as error:
            assert error.code == 400


@pytest.mark.parametrize(
    "text",
    [
        "a~b",
        "a in",
        "a in (",
        "a in ()",
        "a notin b",
        "a,,b",
        "a=b,",
        "a=(b)",
        "!a=b",
        "=b",
        "a>1",
        "a in (b,c",
        "a==b==c",
    ],
)
def test_G58_operators_that_do_not_exist(text: str) -> None:
    with pytest.raises(ApiError) as refused:
        selectors.parse(text, "", "Pod")
    assert refused.value.code == 400
    assert "unable to parse" in refused.value.message


def test_G58_a_set_of_a_thousand_values_is_one_lookup() -> None:
    selector = selectors.parse(f"a in ({','.join(f'v{number}' for number in range(3000))})", "", "Pod")
    with cheap():
        assert sum(selector.matches({"metadata": {"labels": {"a": f"v{n}"}}}) for n in range(MANY)) == 3000


@given(st.text("ab=!,() \n\0²./", max_size=30) | st.text(max_size=20))
@FUZZ
def test_G58_any_selector_is_read_or_refused(text: str) -> None:
    for labels, fields in ((text, ""), ("", text), ("", f"metadata.name{text}")):
        try:
            selectors.parse(labels, fields, "Pod").matches({"metadata": {"name": "a", "labels": {"a": "b"}}})
        except ApiError as error:
            assert error.code == 400


# 59: paths and questions about who may


@given(
    st.lists(
        st.sampled_from(["api", "apis", "v1", "namespaces", "a", "..", ".", "", "%2e", "%2F", "%00", "b", "\ud800"])
    )
)
@FUZZ
def test_G59_a_path_has_one_reading_or_none(parts: list[str]) -> None:
    try:
        target = requests.parse("GET", "/" + "/".join(parts), {})
    except ApiError as error:
        assert error.code == 400
        return
    assert target.path.split("/")[1:] == [part for part in parts if part] or target.path == "/"
    assert not {"..", ".", "%2e", "%2F", "%00"} & set(parts)


TRUST = Trust((), lambda *_where: None)


@given(JUNK)
@FUZZ
def test_G59_reviews_of_anything_are_answered_or_refused(spec: Any) -> None:
    for body in ({"spec": spec}, {"spec": {"user": "u", "resourceAttributes": spec}}, {"spec": {"token": spec}}):
        for answer in (lambda body=body: access_review(body), lambda body=body: token_review(body, TRUST, 0.0)):
            try:
                answer()
            except ApiError as error:
                assert error.code in (400, 422)


@given(JUNK)
@FUZZ
def test_G59_subresources_of_anything_are_answered_or_refused(junk: Any) -> None:
    pod = {"metadata": {"name": "p", "namespace": "n", "uid": "u", "resourceVersion": "1"}, "spec": {}}
    account = {"metadata": {"name": "a", "namespace": "n", "uid": "u"}}
    user = User("u", ())
    calls = [
        lambda: bound(pod, {"target": junk}, POD, ""),
        lambda: bound(pod, {"target": {"kind": junk, "name": junk}}, POD, ""),
        lambda: scaled(pod, {"metadata": junk, "spec": junk}, KINDS["Deployment"]),
        lambda: token_request(
            {"spec": {"boundObjectRef": {"kind": junk}}}, account, user, TRUST, Issuing(None, 0.0, "i")
        ),
        lambda: token_request({"spec": {"boundObjectRef": junk or 1}}, account, user, TRUST, Issuing(None, 0.0, "i")),
    ]
    for call in calls:
        try:
            call()
        except ApiError as error:
            assert error.code in (400, 404, 409, 422)


@pytest.mark.parametrize(
    ("text", "found"), [("0", 0), ("17", 17), ("²", None), ("٣", None), ("", None), ("-1", None), ("9" * 19, None)]
)
def test_G58_numbers_in_queries(text: str, found: int | None) -> None:
    assert client_values.number(text) == found
