"""One outbound cluster: a port of a service, or of one of its subsets.

In: what `mesh` says about the service, its destination rules and its identities. Out: Envoy's Cluster in Istio's
shape. Rule: everything that decides is in `Target`; the steps below only write it down, in the order in which Istio
applies them.
"""

from dataclasses import dataclass
from typing import Any as Message
from typing import Literal

import msgspec
from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.core.v3 import config_source_pb2
from envoy.config.endpoint.v3 import endpoint_pb2

from lateen.mesh.destinations import Destination, for_port, over
from lateen.mesh.hosts import sni_key, subset_key
from lateen.mesh.services import Port, Resolution, Service
from lateen.resources.destination_rule import ClientTLSSettings, Subset, TrafficPolicy
from lateen.resources.meshconfig import MeshConfig
from lateen.resources.model import ResourceKey
from lateen.xds.clusters_balance import load_balancer
from lateen.xds.clusters_policy import (
    Draft,
    connection_pool,
    keepalive,
    outlier_detection,
    speak_as_downstream,
    speak_http2,
)
from lateen.xds.tls_client import ALPN_MESH, ALPN_MESH_H2, ALPN_STOCK, by_endpoint, mesh_tls, origination, tls_socket
from lateen.xds.values import duration, seconds

_Cluster = cluster_pb2.Cluster


class ClusterView(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """What a cluster depends on of who asks, beside the service and the rules in force: so most proxies share it."""

    role: Literal["sidecar", "router"]
    flavour: Literal["stock", "istio"]
    ipv6: bool = False


@dataclass(frozen=True)
class Target:
    """All that decides about one port's clusters. `automatic`: whether mutual TLS is chosen where no rule speaks."""

    view: ClusterView
    mesh: MeshConfig
    service: Service
    port: Port
    destination: Destination | None
    identities: tuple[str, ...]
    automatic: bool
    all_mutual: bool


def discovery_type(service: Service, role: str) -> int:
    """How Envoy finds the endpoints. Gateways have no original destination to go to, so they always get endpoints."""
    if service.resolution is Resolution.DNS:
        return int(_Cluster.STRICT_DNS)
    if service.resolution is Resolution.DNS_ROUND_ROBIN:
        return int(_Cluster.LOGICAL_DNS)
    if service.resolution is Resolution.PASSTHROUGH and role == "sidecar":
        return int(_Cluster.ORIGINAL_DST)
    return int(_Cluster.EDS)


def rule_path(key: ResourceKey) -> str:
    """The path of a DestinationRule or VirtualService in the API, which Istio puts into the `config` metadata."""
    plural = {"DestinationRule": "destination-rule", "VirtualService": "virtual-service"}[key.kind]
    return f"/apis/networking.istio.io/v1/namespaces/{key.namespace}/{plural}/{key.name}"


def _metadata(cluster: Message, target: Target, subset: Subset | None) -> None:
    service = target.service
    values = cluster.metadata.filter_metadata["istio"]
    described = {"host": service.hostname, "name": service.name, "namespace": service.namespace}
    values.update({"default_original_port": target.port.number, "services": [described]})
    if service.mesh_external:
        values.update({"external": True})
    if target.destination is not None:
        values.update({"config": rule_path(target.destination.rules[0])})
    if subset is not None:
        values.update({"subset": subset.name})


def _eds(cluster: Message) -> None:
    if cluster.type != _Cluster.EDS:
        return
    cluster.eds_cluster_config.service_name = cluster.name
    cluster.eds_cluster_config.eds_config.CopyFrom(
        config_source_pb2.ConfigSource(
            ads=config_source_pb2.AggregatedConfigSource(),
            initial_fetch_timeout=seconds(0),
            resource_api_version=config_source_pb2.V3,
        )
    )


def _alpn(target: Target, draft: Draft) -> tuple[str, ...]:
    if target.view.flavour == "istio":
        return ALPN_MESH_H2 if draft.is_http2 else ALPN_MESH
    if draft.is_http2:
        return ALPN_STOCK["http2"]
    return ALPN_STOCK["http1" if target.port.protocol.is_http else "tcp"]


def _automatic_tls(draft: Draft, target: Target, sni: str) -> None:
    service = target.service
    if service.mesh_external or not target.automatic:
        return
    original = draft.cluster.type == _Cluster.ORIGINAL_DST
    if original and not target.all_mutual:
        return
    context = mesh_tls(sni, target.identities, _alpn(target, draft))
    if original:
        draft.cluster.transport_socket.CopyFrom(tls_socket(context))
    else:
        draft.cluster.transport_socket_matches.extend(by_endpoint(context))


def _auto_server_name(draft: Draft, tls: ClientTLSSettings, names: tuple[str, ...]) -> None:
    if tls.sni:
        return
    options = draft.options().upstream_http_protocol_options
    options.auto_sni = True
    if not (tls.subject_alt_names or names or tls.insecure_skip_verify):
        options.auto_san_validation = True


def _withheld(tls: ClientTLSSettings, target: Target) -> bool:
    """A sidecar gets the secret of a `credentialName` only if the rule selects workloads; others must not hold their
    start up.
    """
    if not tls.credential_name or target.view.role != "sidecar":
        return False
    return target.destination is None or not target.destination.has_selector


def _tls(draft: Draft, target: Target, tls: ClientTLSSettings | None, sni: str) -> None:
    if tls is None:
        _automatic_tls(draft, target, sni)
    elif tls.mode == "ISTIO_MUTUAL":
        names = tuple(tls.subject_alt_names) or target.identities
        draft.cluster.transport_socket.CopyFrom(tls_socket(mesh_tls(tls.sni or sni, names, _alpn(target, draft))))
    elif tls.mode in ("SIMPLE", "MUTUAL") and not _withheld(tls, target):
        names = target.service.subject_alt_names if target.service.registry == "External" else ()
        context = origination(tls, names, http2=draft.is_http2)
        if context is not None:
            _auto_server_name(draft, tls, names)
            draft.cluster.transport_socket.CopyFrom(tls_socket(context))


def _protocol(draft: Draft, target: Target) -> None:
    if target.port.protocol.is_http2:
        speak_http2(draft)
    elif target.port.protocol.is_sniffed and target.view.role == "sidecar":
        speak_as_downstream(draft)


def _upgrades(target: Target, policy: TrafficPolicy | None) -> bool:
    http = policy.connection_pool.http if policy is not None and policy.connection_pool is not None else None
    if http is not None:
        if http.use_client_protocol or http.h2_upgrade_policy == "DO_NOT_UPGRADE":
            return False
        if http.h2_upgrade_policy == "UPGRADE":
            return True
    return target.port.protocol.is_http and target.mesh.h2_upgrade_policy == "UPGRADE"


def _policy(draft: Draft, target: Target, policy: TrafficPolicy | None) -> None:
    policy = policy or TrafficPolicy()
    connection_pool(draft, policy.connection_pool, policy.retry_budget, upgrade=_upgrades(target, policy))
    tcp = policy.connection_pool.tcp if policy.connection_pool is not None else None
    keepalive(
        draft, tcp.tcp_keepalive if tcp is not None and tcp.tcp_keepalive is not None else target.mesh.tcp_keepalive
    )
    outlier_detection(draft, policy.outlier_detection)
    load_balancer(draft, policy.load_balancer)


def _dns(cluster: Message, target: Target, assignment: Message) -> None:
    if cluster.type not in (_Cluster.STRICT_DNS, _Cluster.LOGICAL_DNS):
        return
    cluster.load_assignment.CopyFrom(assignment)
    cluster.load_assignment.cluster_name = cluster.name
    cluster.dns_lookup_family = _Cluster.V6_ONLY if target.view.ipv6 else _Cluster.V4_ONLY
    cluster.dns_refresh_rate.CopyFrom(duration(target.mesh.dns_refresh_rate or "60s"))
    cluster.respect_dns_ttl = True


def build_cluster(target: Target, subset: Subset | None, assignment: Message = None) -> Message:
    """The cluster of a port, or of a subset of it. `assignment`: the endpoints, for clusters that carry their own
    (DNS).
    """
    host, number, label = target.service.hostname, target.port.number, subset.name if subset is not None else ""
    name = subset_key("outbound", label, host, number)
    cluster = _Cluster(name=name, alt_stat_name=f"{name};", type=discovery_type(target.service, target.view.role))
    cluster.connect_timeout.CopyFrom(duration(target.mesh.connect_timeout or "10s"))
    cluster.common_lb_config.SetInParent()
    _dns(cluster, target, assignment if assignment is not None else endpoint_pb2.ClusterLoadAssignment())
    if cluster.type == _Cluster.ORIGINAL_DST and target.port.target.isdigit() and target.service.registry == "External":
        cluster.original_dst_lb_config.upstream_port_override.value = int(target.port.target)
    draft = Draft(cluster)
    _protocol(draft, target)
    base = for_port(target.destination.policy, number) if target.destination is not None else None
    policy = base if subset is None else over(base, subset.traffic_policy, number)
    _policy(draft, target, policy)
    _tls(draft, target, policy.tls if policy is not None else None, sni_key("outbound", label, host, number))
    _eds(cluster)
    _metadata(cluster, target, subset)
    return draft.finish()
