"""Access logs: where, in which form, and what a bad format costs."""

from pathlib import Path

import pytest
from envoy.extensions.access_loggers.file.v3.file_pb2 import FileAccessLog
from envoy.extensions.access_loggers.stream.v3.stream_pb2 import StdoutAccessLog
from google.protobuf.json_format import MessageToDict

from lateen.engine import Database
from lateen.mesh.telemetry import DEFAULT_JSON_FIELDS, DEFAULT_TEXT, access_log
from lateen.xds.access_log import access_logs, listener_access_logs
from lateen.xds.inbound_listeners import inbound_listeners
from tests.mesh.world import sidecar, world
from tests.xds.envoy import refusal
from tests.xds.reading import by_name


def mesh(settings: str) -> Database:
    """A mesh with these settings, lines of YAML."""
    lines = "".join(f"    {line}\n" for line in settings.splitlines())
    head = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\n"
    return world(f"{head}data:\n  mesh: |\n{lines}")


def written(db: Database) -> StdoutAccessLog:
    (log,) = access_logs(db)
    stream = StdoutAccessLog()
    assert log.typed_config.Unpack(stream)
    return stream


def test_no_file_no_log() -> None:
    assert access_logs(world()) == ()
    assert listener_access_logs(world()) == ()


def test_text_is_the_default_and_ends_with_a_newline() -> None:
    assert written(mesh("accessLogFile: /dev/stdout")).log_format.text_format_source.inline_string == DEFAULT_TEXT

    own = written(mesh('accessLogFile: /dev/stdout\naccessLogFormat: "%PROTOCOL%"'))
    assert own.log_format.text_format_source.inline_string == "%PROTOCOL%\n"


def test_json_has_istios_fields() -> None:
    log = written(mesh("accessLogFile: /dev/stdout\naccessLogEncoding: JSON"))

    assert MessageToDict(log.log_format.json_format) == dict(DEFAULT_JSON_FIELDS)
    assert {"upstream_cluster", "response_flags", "request_id", "authority"} <= set(dict(DEFAULT_JSON_FIELDS))


def test_json_may_have_fields_of_ones_own_even_nested() -> None:
    own = """accessLogFormat: '{"who": "%REQ(X-USER)%", "to": {"host": "%UPSTREAM_HOST%"}}'"""
    log = written(mesh(f"accessLogFile: /dev/stdout\naccessLogEncoding: JSON\n{own}"))

    assert MessageToDict(log.log_format.json_format) == {"who": "%REQ(X-USER)%", "to": {"host": "%UPSTREAM_HOST%"}}


@pytest.mark.parametrize("bad", ["{not json", "[1]"])
def test_a_format_that_is_no_json_object_keeps_the_default_fields_and_is_a_finding(bad: str) -> None:
    found = access_log(mesh(f"accessLogFile: /dev/stdout\naccessLogEncoding: JSON\naccessLogFormat: '{bad}'"))

    assert found is not None
    assert [finding.path for finding in found.findings] == ["accessLogFormat"]
    assert '"upstream_cluster"' in found.fields_json


def test_a_file_is_opened_and_the_standard_streams_are_used_as_they_are() -> None:
    (log,) = access_logs(mesh("accessLogFile: /var/log/proxy.log"))
    file = FileAccessLog()

    assert log.typed_config.Unpack(file)
    assert file.path == "/var/log/proxy.log"


def test_listeners_only_log_connections_that_nothing_takes() -> None:
    (log,) = listener_access_logs(mesh("accessLogFile: /dev/stdout"))

    assert list(log.filter.response_flag_filter.flags) == ["NR"]
    assert listener_access_logs(mesh("accessLogFile: /dev/stdout\ndisableEnvoyListenerLog: true")) == ()


@pytest.mark.parametrize("encoding", ["TEXT", "JSON"])
def test_envoy_takes_both_forms(encoding: str, tmp_path: Path) -> None:
    db = mesh(f"accessLogFile: /dev/stdout\naccessLogEncoding: {encoding}")
    found = by_name(inbound_listeners(db, sidecar()))

    assert refusal(found.values(), [], tmp_path, ["BlackHoleCluster", "InboundPassthroughCluster"]) == ""
