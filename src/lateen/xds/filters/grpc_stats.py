"""Counts messages of gRPC calls and leaves the counts in filter state, for telemetry.

In: any connection manager. Out: the filter. Rule: no statistics per method, whose number the callers would choose.
"""

from typing import Final

from envoy.extensions.filters.http.grpc_stats.v3.config_pb2 import FilterConfig
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter
from google.protobuf.wrappers_pb2 import BoolValue

from lateen.engine import Database
from lateen.xds.any import pack
from lateen.xds.hcm_options import HcmOptions

NAME: Final = "envoy.filters.http.grpc_stats"


def http_filters(_db: Database, _options: HcmOptions) -> list[HttpFilter]:
    """The filter."""
    settings = FilterConfig(emit_filter_state=True, stats_for_all_methods=BoolValue(value=False))
    return [HttpFilter(name=NAME, typed_config=pack(settings))]
