"""gRPC for browsers: translates gRPC-Web to gRPC on ports whose protocol says so.

In: options with `grpc_web`. Out: the filter, or nothing. Rule: never on other ports, where it would only cost.
"""

from typing import Final

from envoy.extensions.filters.http.grpc_web.v3.grpc_web_pb2 import GrpcWeb
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter

from lateen.engine import Database
from lateen.xds.any import pack
from lateen.xds.hcm_options import HcmOptions

NAME: Final = "envoy.filters.http.grpc_web"


def http_filters(_db: Database, options: HcmOptions) -> list[HttpFilter]:
    """The filter, on ports of protocol GRPC-Web."""
    return [HttpFilter(name=NAME, typed_config=pack(GrpcWeb()))] if options.grpc_web else []
