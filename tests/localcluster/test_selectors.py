"""Label and field selectors, as clients write them."""

from __future__ import annotations

import pytest

from lateen.localcluster.errors import ApiError
from lateen.localcluster.selectors import parse


def selected(text: str, labels: dict[str, str]) -> bool:
    return parse(text, "", "Pod").matches({"metadata": {"labels": labels}})


@pytest.mark.parametrize(
    ("text", "labels", "expected"),
    [
        ("", {}, True),
        ("a=b", {"a": "b"}, True),
        ("a==b", {"a": "c"}, False),
        ("a!=b", {}, True),
        ("a", {"a": ""}, True),
        ("!a", {"a": ""}, False),
        ("a in (x, y),b notin (z)", {"a": "y"}, True),
        ("a in (x,y)", {}, False),
        ("b notin (z)", {"b": "z"}, False),
        ("x.example/y=1,a=", {"x.example/y": "1", "a": ""}, True),
        ("a=,b=c", {"a": "", "b": "c"}, True),
    ],
)
def test_labels(text: str, labels: dict[str, str], expected: bool) -> None:
    assert selected(text, labels) is expected


@pytest.mark.parametrize(
    "text", ["a in b", "a in ()", "a in (b", "a~b", "=b", "a=b,", "a b", "a=b c", "-a", "a=-", "(a)"]
)
def test_G58_malformed_labels_are_refused_with_the_text(text: str) -> None:
    with pytest.raises(ApiError) as refused:
        parse(text, "", "Pod")
    assert refused.value.code == 400
    assert text in refused.value.message


POD = {"metadata": {"name": "p", "namespace": "n"}, "spec": {"nodeName": "x", "hostNetwork": True}, "status": {}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("metadata.name=p", True),
        ("metadata.name!=p", False),
        ("spec.nodeName=x,status.phase!=Failed", True),
        ("status.phase=", True),
        ("spec.hostNetwork=true", True),
    ],
)
def test_fields(text: str, expected: bool) -> None:
    assert parse("", text, "Pod").matches(POD) is expected


def test_an_event_is_found_by_its_object_and_source() -> None:
    event = {"metadata": {"name": "e"}, "involvedObject": {"uid": "u"}, "source": {"component": "kubelet"}}
    assert parse("", "involvedObject.uid=u,source=kubelet", "Event").matches(event)


@pytest.mark.parametrize("text", ["spec.other=1", "metadata.name", "=x"])
def test_fields_that_cannot_be_selected_by(text: str) -> None:
    with pytest.raises(ApiError):
        parse("", text, "Pod")


def test_a_selector_for_one_name_says_so() -> None:
    assert parse("", "metadata.name=p", "Pod").only_name == "p"
    assert parse("a=b", "", "Pod").only_name is None
