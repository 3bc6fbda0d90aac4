"""Clusters from the sidecar to the workload beside it.

In: `InboundView`. Out: `inbound|PORT||` for each port of a service, and `InboundPassthroughCluster` for the others.
Rule: the sidecar dials the address that the caller wanted, so that a workload which binds only to its pod's address
works; it does so from 127.0.0.6, by which the redirection rules know that this connection must not be redirected
again.
"""

from dataclasses import replace
from typing import Final

from envoy.config.cluster.v3.circuit_breaker_pb2 import CircuitBreakers
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.address_pb2 import BindConfig, ExtraSourceAddress, SocketAddress
from envoy.config.core.v3.protocol_pb2 import Http1ProtocolOptions, Http2ProtocolOptions
from envoy.extensions.upstreams.http.v3.http_protocol_options_pb2 import HttpProtocolOptions

from lateen.engine import Database, query
from lateen.mesh.authn import PeerModes
from lateen.mesh.authz import NO_POLICIES
from lateen.mesh.inbound import InboundView, ServiceTarget, inbound_view
from lateen.mesh.meshconfig import mesh_config
from lateen.mesh.node import ProxyNode
from lateen.mesh.protocols import Protocol
from lateen.xds.any import pack
from lateen.xds.encode import Encoded, encode
from lateen.xds.inbound_listeners import PASSTHROUGH_CLUSTER, inbound_cluster
from lateen.xds.values import duration, seconds, struct, uint32

SOURCE_IPV4: Final = "127.0.0.6"
SOURCE_IPV6: Final = "::6"
_OPTIONS: Final = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_NO_LIMIT: Final = 2**32 - 1
_NEVER: Final = 315_360_000  # seconds: ten years


@query
def inbound_clusters(db: Database, node: ProxyNode) -> tuple[Encoded, ...]:
    """The inbound clusters of a sidecar; a gateway has none."""
    if node.type != "sidecar":
        return ()
    # Who may call has no part in where calls are sent to.
    return view_clusters(
        db, replace(inbound_view(db, node), modes=PeerModes(), policies=NO_POLICIES, token_policies=())
    )


@query
def view_clusters(db: Database, view: InboundView) -> tuple[Encoded, ...]:
    """The encoded clusters of a view."""
    named = [encode(inbound_cluster(target.port), _of_target(db, view, target)) for target in view.targets]
    return (*named, encode(PASSTHROUGH_CLUSTER, _passthrough(db, view)))


def _base(db: Database, view: InboundView, name: str) -> Cluster:
    limits = CircuitBreakers.Thresholds(
        max_connections=uint32(_NO_LIMIT),
        max_pending_requests=uint32(_NO_LIMIT),
        max_requests=uint32(_NO_LIMIT),
        max_retries=uint32(_NO_LIMIT),
        track_remaining=True,
    )
    return Cluster(
        name=name,
        type=Cluster.ORIGINAL_DST,
        lb_policy=Cluster.CLUSTER_PROVIDED,
        connect_timeout=duration(mesh_config(db).connect_timeout),
        circuit_breakers=CircuitBreakers(thresholds=[limits]),
        upstream_bind_config=_source(view),
    )


def _source(view: InboundView) -> BindConfig:
    first = SocketAddress(address=SOURCE_IPV4 if view.ipv4 else SOURCE_IPV6, port_value=0)
    other = (
        [ExtraSourceAddress(address=SocketAddress(address=SOURCE_IPV6, port_value=0))]
        if view.ipv4 and view.ipv6
        else []
    )
    return BindConfig(source_address=first, extra_source_addresses=other)


def _of_target(db: Database, view: InboundView, target: ServiceTarget) -> Cluster:
    cluster = _base(db, view, inbound_cluster(target.port))
    # The workload's one address never goes away while its proxy lives.
    cluster.cleanup_interval.CopyFrom(seconds(_NEVER))
    service = {"host": target.hostname, "name": target.hostname.split(".", 1)[0], "namespace": view.namespace}
    cluster.metadata.filter_metadata["istio"].CopyFrom(struct({"services": [service]}))
    if target.protocol.is_http2:
        _speak(cluster, _http2())
    elif target.protocol is Protocol.UNSUPPORTED:
        _speak(cluster, _as_caller())
    return cluster


def _passthrough(db: Database, view: InboundView) -> Cluster:
    cluster = _base(db, view, PASSTHROUGH_CLUSTER)
    _speak(cluster, _as_caller())
    return cluster


def _speak(cluster: Cluster, options: HttpProtocolOptions) -> None:
    cluster.typed_extension_protocol_options[_OPTIONS].CopyFrom(pack(options))


def _http2() -> HttpProtocolOptions:
    return HttpProtocolOptions(
        explicit_http_config=HttpProtocolOptions.ExplicitHttpConfig(http2_protocol_options=Http2ProtocolOptions())
    )


def _as_caller() -> HttpProtocolOptions:
    """The version of HTTP in which the request came."""
    same = HttpProtocolOptions.UseDownstreamHttpConfig(
        http_protocol_options=Http1ProtocolOptions(), http2_protocol_options=Http2ProtocolOptions()
    )
    return HttpProtocolOptions(use_downstream_protocol_config=same)
