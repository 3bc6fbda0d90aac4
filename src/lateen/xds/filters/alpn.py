"""Tells the server's sidecar which HTTP version is inside mutual TLS, where the cluster cannot know.

A port whose protocol is detected has one cluster for HTTP and for TCP, and the server chooses between parsing and
passing bytes on by the application protocol that the client offers. HTTP requests therefore bring the offer along;
TCP keeps the one of the cluster. In: options with `sniffed`. Out: a set_filter_state filter, or nothing. Rule: the
offers are Istio's, so that its proxies understand ours: `istio-h2` or `istio-http/1.1`, then `istio`, then the plain
name. Stock Envoy has no filter of that name, hence this one.
"""

from typing import Final

from envoy.config.core.v3.base_pb2 import DataSource
from envoy.config.core.v3.substitution_format_string_pb2 import SubstitutionFormatString
from envoy.extensions.filters.common.set_filter_state.v3.value_pb2 import FilterStateValue
from envoy.extensions.filters.http.set_filter_state.v3.set_filter_state_pb2 import Config
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter

from lateen.engine import Database
from lateen.xds.any import pack
from lateen.xds.hcm_options import HcmOptions

NAME: Final = "istio.alpn"
STATE_KEY: Final = "envoy.network.application_protocols"
_OFFER: Final = (
    "%CEL(request.protocol == 'HTTP/2' ? 'istio-h2,istio,h2' : "
    "request.protocol == 'HTTP/1.0' ? 'istio-http/1.0,istio,http/1.0' : 'istio-http/1.1,istio,http/1.1')%"
)


def http_filters(_db: Database, options: HcmOptions) -> list[HttpFilter]:
    """The filter, for clients of ports whose protocol is detected."""
    if not options.sniffed or options.direction == "inbound":
        return []
    value = FilterStateValue(
        object_key=STATE_KEY,
        format_string=SubstitutionFormatString(text_format_source=DataSource(inline_string=_OFFER)),
        shared_with_upstream=FilterStateValue.ONCE,
    )
    return [HttpFilter(name=NAME, typed_config=pack(Config(on_request_headers=[value])))]
