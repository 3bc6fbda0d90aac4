"""What the mesh records about its requests.

In: mesh config. Out: where access logs go and in which form. Rule: a format that cannot be read falls back to the
default fields and is a finding, so a slip in the format never costs the log.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from lateen.engine import Database, query
from lateen.mesh.meshconfig import mesh_config
from lateen.mesh.telemetry_operators import format_problem
from lateen.resources.findings import Finding

DEFAULT_JSON_FIELDS: Final[tuple[tuple[str, str], ...]] = (
    ("authority", "%REQ(:AUTHORITY)%"),
    ("bytes_received", "%BYTES_RECEIVED%"),
    ("bytes_sent", "%BYTES_SENT%"),
    ("connection_termination_details", "%CONNECTION_TERMINATION_DETAILS%"),
    ("downstream_local_address", "%DOWNSTREAM_LOCAL_ADDRESS%"),
    ("downstream_remote_address", "%DOWNSTREAM_REMOTE_ADDRESS%"),
    ("duration", "%DURATION%"),
    ("method", "%REQ(:METHOD)%"),
    ("path", "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%"),
    ("protocol", "%PROTOCOL%"),
    ("request_id", "%REQ(X-REQUEST-ID)%"),
    ("requested_server_name", "%REQUESTED_SERVER_NAME%"),
    ("response_code", "%RESPONSE_CODE%"),
    ("response_code_details", "%RESPONSE_CODE_DETAILS%"),
    ("response_flags", "%RESPONSE_FLAGS%"),
    ("route_name", "%ROUTE_NAME%"),
    ("start_time", "%START_TIME%"),
    ("upstream_cluster", "%UPSTREAM_CLUSTER_RAW%"),
    ("upstream_host", "%UPSTREAM_HOST%"),
    ("upstream_local_address", "%UPSTREAM_LOCAL_ADDRESS%"),
    ("upstream_service_time", "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%"),
    ("upstream_transport_failure_reason", "%UPSTREAM_TRANSPORT_FAILURE_REASON%"),
    ("user_agent", "%REQ(USER-AGENT)%"),
    ("x_forwarded_for", "%REQ(X-FORWARDED-FOR)%"),
)
"""The fields of a JSON log line where the mesh config names none; the same as Istio's."""

DEFAULT_TEXT: Final = (
    '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% '
    "%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "
    '"%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% %BYTES_SENT% '
    '%DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" '
    '"%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" '
    "%UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% "
    "%DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n"
)
"""A text log line where the mesh config has no format; the same as Istio's."""


@dataclass(frozen=True, slots=True)
class AccessLog:
    """One log file. `fields` are name and Envoy format of a JSON line (nested JSON as its text).

    `text` is the format of a text line.
    """

    path: str
    encoding: Literal["JSON", "TEXT"]
    fields_json: str = ""
    text: str = ""
    findings: tuple[Finding, ...] = ()


@query
def access_log(db: Database) -> AccessLog | None:
    """The access log that every proxy writes; None if mesh config names no file."""
    config = mesh_config(db)
    path, form = config.access_log_file or "", config.access_log_format or ""
    if not path:
        return None
    json_wanted = config.access_log_encoding == "JSON"
    problem = (_json_problem(form) if json_wanted else format_problem(form)) if form.strip() else ""
    findings = (_bad_format(problem),) if problem else ()
    own = form if form.strip() and not problem else ""
    if json_wanted:
        fields = json.loads(own) if own else dict(DEFAULT_JSON_FIELDS)
        return AccessLog(path, "JSON", fields_json=json.dumps(fields, sort_keys=True), findings=findings)
    return AccessLog(path, "TEXT", text=_line(own or DEFAULT_TEXT), findings=findings)


def _line(form: str) -> str:
    return form if form.endswith("\n") else form + "\n"


def _json_problem(form: str) -> str:
    """What is wrong with a JSON format; "" if nothing. A wrong one would make Envoy refuse every listener."""
    try:
        fields = json.loads(form)
        json.dumps(fields, allow_nan=False)
    except (ValueError, RecursionError) as error:
        return f"it is no JSON: {error}"
    if not isinstance(fields, dict):
        return "it is no JSON object"
    return next((problem for problem in map(format_problem, _texts(fields)) if problem), "")


def _texts(value: object) -> Iterator[str]:
    """All text inside a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _bad_format(reason: str) -> Finding:
    return Finding(
        code="AccessLogFormat",
        severity="warning",
        message=f"accessLogFormat cannot be used, {reason}: the default one is",
        resource=None,
        path="accessLogFormat",
        origin=None,
        suggestion='with JSON write an object such as {"method": "%REQ(:METHOD)%"}, with TEXT a line of such operators',
    )


@query
def listener_log_disabled(db: Database) -> bool:
    """Whether listeners keep silent about connections that no chain takes."""
    return bool(mesh_config(db).disable_envoy_listener_log)
