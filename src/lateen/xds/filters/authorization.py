"""AuthorizationPolicies in an HTTP connection manager: where the filters of `rbac` and `ext_authz` stand.

In: the policies in the options. Out: their filters. Rule: CUSTOM before everything else, so that the external
authorizer sees requests as they came; DENY and ALLOW after authentication. A sidecar's outbound side enforces
nothing.
"""

from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter

from lateen.engine import Database
from lateen.xds.filters import ext_authz, rbac
from lateen.xds.hcm_options import HcmOptions


def custom_http_filters(db: Database, options: HcmOptions) -> list[HttpFilter]:
    """The filters of CUSTOM policies."""
    return [] if options.direction == "outbound" else ext_authz.http_filters(db, options.policies)


def http_filters(db: Database, options: HcmOptions) -> list[HttpFilter]:
    """The filters of AUDIT, DENY and ALLOW policies."""
    return [] if options.direction == "outbound" else rbac.http_filters(db, options.policies)
