"""Access logs of proxies.

In: `mesh.telemetry`'s settings. Out: Envoy's access log messages for connection managers and TCP proxies, and those
of listeners, which only speak up when no filter chain matched. Rule: one line is one record; in JSON every value is
escaped by Envoy, and a text line ends with a newline of ours.
"""

import json
from typing import Final

from envoy.config.accesslog.v3.accesslog_pb2 import AccessLog, AccessLogFilter, ResponseFlagFilter
from envoy.config.core.v3.base_pb2 import DataSource
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.core.v3.substitution_format_string_pb2 import SubstitutionFormatString
from envoy.extensions.access_loggers.file.v3.file_pb2 import FileAccessLog
from envoy.extensions.access_loggers.stream.v3.stream_pb2 import StderrAccessLog, StdoutAccessLog
from envoy.extensions.formatter.req_without_query.v3.req_without_query_pb2 import ReqWithoutQuery
from google.protobuf.struct_pb2 import Struct

from lateen.engine import Database
from lateen.mesh import telemetry
from lateen.xds.any import pack

FILE: Final = "envoy.access_loggers.file"
STREAMS: Final = {
    "/dev/stdout": ("envoy.access_loggers.stdout", StdoutAccessLog),
    "/dev/stderr": ("envoy.access_loggers.stderr", StderrAccessLog),
}
"""Loggers that write to a stream which is open already.

Opening `/dev/stdout` anew would need the right to open what is behind it, and a proxy that runs as a user of its own
need not have that.
"""
_NO_CHAIN: Final = "NR"
_WITHOUT_QUERY: Final = "%REQ_WITHOUT_QUERY"


def access_logs(db: Database) -> tuple[AccessLog, ...]:
    """The logs of a connection manager or a TCP proxy."""
    settings = telemetry.access_log(db)
    if settings is None:
        return ()
    if settings.path in STREAMS:
        name, stream = STREAMS[settings.path]
        return (AccessLog(name=name, typed_config=pack(stream(log_format=_format(settings)))),)
    return (AccessLog(name=FILE, typed_config=pack(FileAccessLog(path=settings.path, log_format=_format(settings)))),)


def listener_access_logs(db: Database) -> tuple[AccessLog, ...]:
    """The logs of a listener: connections that no filter chain takes."""
    if telemetry.listener_log_disabled(db):
        return ()
    logs = access_logs(db)
    for log in logs:
        log.filter.CopyFrom(AccessLogFilter(response_flag_filter=ResponseFlagFilter(flags=[_NO_CHAIN])))
    return logs


def _format(settings: telemetry.AccessLog) -> SubstitutionFormatString:
    if settings.encoding == "TEXT":
        made = SubstitutionFormatString(text_format_source=DataSource(inline_string=settings.text))
    else:
        fields = Struct()
        fields.update(json.loads(settings.fields_json))
        made = SubstitutionFormatString(json_format=fields)
    if _WITHOUT_QUERY in settings.text + settings.fields_json:
        extension = TypedExtensionConfig(name="envoy.formatter.req_without_query", typed_config=pack(ReqWithoutQuery()))
        made.formatters.append(extension)
    return made
