"""Sends the request on to the cluster that its route names.

In: any connection manager. Out: the filter. Rule: always last; nothing after it would run.
"""

from typing import Final

from envoy.extensions.filters.http.router.v3.router_pb2 import Router
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter

from lateen.engine import Database
from lateen.xds.any import pack
from lateen.xds.hcm_options import HcmOptions

NAME: Final = "envoy.filters.http.router"


def http_filters(_db: Database, _options: HcmOptions) -> list[HttpFilter]:
    """The filter."""
    return [HttpFilter(name=NAME, typed_config=pack(Router()))]
