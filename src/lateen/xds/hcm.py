"""The HTTP connection manager: how every HTTP port of the mesh, in, out and at its edge, is served.

In: `HcmOptions` and mesh config. Out: the Envoy message, with its filters and access log. Rule: defaults are Istio's:
no stream timeout, websocket upgrades, paths normalised before anything matches on them, the caller's certificate
passed on only where it was checked.
"""

from typing import Final

from envoy.config.core.v3.config_source_pb2 import AggregatedConfigSource, ApiVersion, ConfigSource
from envoy.config.core.v3.protocol_pb2 import Http2ProtocolOptions
from envoy.config.listener.v3.listener_components_pb2 import Filter
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
    Rds,
    RequestIDExtension,
)
from envoy.extensions.request_id.uuid.v3.uuid_pb2 import UuidRequestIdConfig
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import BoolValue

from lateen.engine import Database, query
from lateen.mesh.meshconfig import mesh_config
from lateen.xds.access_log import access_logs
from lateen.xds.any import pack
from lateen.xds.filters.order import http_filters
from lateen.xds.hcm_options import HcmOptions

NAME: Final = "envoy.filters.network.http_connection_manager"
SERVER_NAME: Final = "istio-envoy"


def http_connection_manager(db: Database, options: HcmOptions) -> HttpConnectionManager:
    """The connection manager that `options` ask for."""
    manager = HttpConnectionManager(
        codec_type=HttpConnectionManager.AUTO,
        stat_prefix=options.stat_prefix,
        access_log=access_logs(db),
        use_remote_address=BoolValue(value=options.direction == "gateway"),
        upgrade_configs=[HttpConnectionManager.UpgradeConfig(upgrade_type="websocket")],
        stream_idle_timeout=Duration(),
        http_filters=http_filters(db, options),
        request_id_extension=RequestIDExtension(
            typed_config=pack(UuidRequestIdConfig(use_request_id_for_trace_sampling=BoolValue(value=True)))
        ),
    )
    _set_routes(manager, options)
    _set_path_rules(manager, path_normalization(db))
    if options.direction != "outbound":
        _set_receiving_side(manager, options)
    return manager


def network_filter(db: Database, options: HcmOptions) -> Filter:
    """The connection manager as the last filter of a chain."""
    return Filter(name=NAME, typed_config=pack(http_connection_manager(db, options)))


def _set_routes(manager: HttpConnectionManager, options: HcmOptions) -> None:
    if options.route_config is not None:
        manager.route_config.CopyFrom(options.route_config)
        return
    source = ConfigSource(
        ads=AggregatedConfigSource(), initial_fetch_timeout=Duration(), resource_api_version=ApiVersion.V3
    )
    manager.rds.CopyFrom(Rds(config_source=source, route_config_name=options.rds))


@query
def path_normalization(db: Database) -> str:
    """How paths are normalised: `NONE`, `BASE`, `MERGE_SLASHES` or `DECODE_AND_MERGE_SLASHES`."""
    setting = mesh_config(db).path_normalization
    chosen = (setting.normalization if setting is not None else None) or "DEFAULT"
    return "BASE" if chosen == "DEFAULT" else chosen


def _set_path_rules(manager: HttpConnectionManager, normalization: str) -> None:
    manager.normalize_path.value = normalization != "NONE"
    manager.merge_slashes = normalization in ("MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES")
    decode = normalization == "DECODE_AND_MERGE_SLASHES"
    manager.path_with_escaped_slashes_action = (
        HttpConnectionManager.UNESCAPE_AND_FORWARD if decode else HttpConnectionManager.KEEP_UNCHANGED
    )


def _set_receiving_side(manager: HttpConnectionManager, options: HcmOptions) -> None:
    """What only a proxy in front of a server does: it names itself, and says who called.

    A gateway faces callers whose claims about certificates are worth nothing, so it replaces them; a sidecar appends
    to what sidecars before it said. Without a checked client certificate Envoy removes the header in both cases.
    """
    manager.server_name = SERVER_NAME
    gateway = options.direction == "gateway"
    manager.forward_client_cert_details = (
        HttpConnectionManager.SANITIZE_SET if gateway else HttpConnectionManager.APPEND_FORWARD
    )
    details = HttpConnectionManager.SetCurrentClientCertDetails(
        subject=BoolValue(value=True), uri=True, dns=True, cert=gateway
    )
    manager.set_current_client_cert_details.CopyFrom(details)
    if options.http2:
        manager.http2_protocol_options.CopyFrom(Http2ProtocolOptions())


__all__ = ["NAME", "HcmOptions", "http_connection_manager", "network_filter", "path_normalization"]
