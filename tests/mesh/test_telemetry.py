"""Log formats: what Envoy would refuse is found before it is sent."""

import pytest

from lateen.mesh.telemetry import DEFAULT_JSON_FIELDS, DEFAULT_TEXT, access_log
from lateen.mesh.telemetry_operators import format_problem
from tests.xds.test_access_log import mesh


@pytest.mark.parametrize(
    "form",
    [
        DEFAULT_TEXT,
        *(form for _, form in DEFAULT_JSON_FIELDS),
        "100%% %START_TIME(%Y-%m-%d)% %START_TIME%",
        "%REQ(X-A?X-B):10% %DYNAMIC_METADATA(a:b:c):1% %FILTER_STATE(a:FIELD:b)% %METADATA(ROUTE:a)%",
        "%REQ_WITHOUT_QUERY(:PATH)%",
        "no operator at all",
    ],
)
def test_what_envoy_takes(form: str) -> None:
    assert format_problem(form) == ""


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ("%NOPE%", "not known"),
        ("%REQ(", "begins no operator"),
        ("50% of all", "begins no operator"),
        ("%REQ%", "needs an argument"),
        ("%REQ(a b)%", "another form"),
        ("%PROTOCOL(x)%", "takes no argument"),
        ("%PROTOCOL:3%", "takes no argument"),
        ("%METADATA(a:b)%", "another form"),
        ("%CEL(1 +)%", "not known"),
        ("%req(a)%", "begins no operator"),
    ],
)
def test_what_envoy_refuses(form: str, reason: str) -> None:
    assert reason in format_problem(form)


@pytest.mark.parametrize("encoding", ["TEXT", "JSON"])
def test_a_bad_operator_keeps_the_default_format(encoding: str) -> None:
    form = '"%NOPE%"' if encoding == "TEXT" else """'{"a": [1, {"b": "%NOPE%"}]}'"""
    found = access_log(mesh(f"accessLogFile: /dev/stdout\naccessLogEncoding: {encoding}\naccessLogFormat: {form}"))

    assert found is not None
    assert len(found.findings) == 1
    assert "NOPE" not in found.text + found.fields_json


def test_a_number_that_json_does_not_have_is_no_format() -> None:
    form = """'{"a": 1e400}'"""
    found = access_log(mesh(f"accessLogFile: /dev/stdout\naccessLogEncoding: JSON\naccessLogFormat: {form}"))

    assert found is not None
    assert len(found.findings) == 1
