"""Delays and aborts for a part of the requests, as VirtualServices ask for.

In: any connection manager. Out: the filter without settings. Rule: always there, because a route can set up only a
filter that exists.
"""

from typing import Final

from envoy.extensions.filters.http.fault.v3.fault_pb2 import HTTPFault
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter

from lateen.engine import Database
from lateen.xds.any import pack
from lateen.xds.hcm_options import HcmOptions

NAME: Final = "envoy.filters.http.fault"


def http_filters(_db: Database, _options: HcmOptions) -> list[HttpFilter]:
    """The filter; each route brings its own settings under `NAME`."""
    return [HttpFilter(name=NAME, typed_config=pack(HTTPFault()))]
