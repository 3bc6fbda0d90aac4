"""The sequence of HTTP filters: the one place that knows it.

In: the options of a connection manager. Out: its filters. Rule, after Istio's: external authorization,
authentication, authorization, then what the routes set up, the router last.
"""

from collections.abc import Callable
from typing import Final

from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter

from lateen.engine import Database
from lateen.xds.filters import alpn, authorization, cors, fault, grpc_stats, grpc_web, jwt_authn, router
from lateen.xds.hcm_options import HcmOptions

ORDER: Final[tuple[Callable[[Database, HcmOptions], list[HttpFilter]], ...]] = (
    authorization.custom_http_filters,
    jwt_authn.http_filters,
    authorization.http_filters,
    grpc_web.http_filters,
    grpc_stats.http_filters,
    alpn.http_filters,
    fault.http_filters,
    cors.http_filters,
    router.http_filters,
)


def http_filters(db: Database, options: HcmOptions) -> list[HttpFilter]:
    """All HTTP filters of one connection manager."""
    return [made for part in ORDER for made in part(db, options)]
