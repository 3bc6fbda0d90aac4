"""Clusters for outbound traffic (CDS).

In: an outbound view. Out: encoded clusters: each service port in scope, its subsets, and the two for undeclared
hosts. Rule: the unit of memory is one service under one set of rules, which most views share; a view's whole is a join
of such units. Endpoints are read only by clusters that hold addresses (DNS), or that go to the original destination and
must know whether everybody behind speaks mutual TLS.
"""

from typing import Any as Message

from envoy.config.cluster.v3 import cluster_pb2

from lateen.engine import Database, query
from lateen.mesh.authn import mtls_mode
from lateen.mesh.destinations import Destination, destination_for, destination_of
from lateen.mesh.endpoints import all_speak_mutual_tls, endpoints
from lateen.mesh.endpoints_identity import identities
from lateen.mesh.meshconfig import auto_mtls, mesh_config
from lateen.mesh.protocols import Protocol
from lateen.mesh.services import SERVICES, Port, Resolution, Service, ServiceKey, service_named
from lateen.mesh.views import OutboundView
from lateen.mesh.visibility_scope import scope_hosts
from lateen.resources.model import ResourceKey
from lateen.xds.clusters_build import ClusterView, Target, build_cluster, discovery_type
from lateen.xds.clusters_policy import Draft, keepalive, speak_as_downstream, thresholds
from lateen.xds.encode import Encoded, encode
from lateen.xds.endpoints import assignment
from lateen.xds.values import duration

BLACK_HOLE = "BlackHoleCluster"
PASSTHROUGH = "PassthroughCluster"

_Cluster = cluster_pb2.Cluster


@query
def namespace_speaks_mutual_tls(db: Database, namespace: str) -> bool:
    """Whether the policies of a namespace leave mutual TLS on, as far as its workloads do not say otherwise."""
    return mtls_mode(db, namespace, (), 0) != "DISABLE"


def destination(db: Database, view: OutboundView, service: Service) -> Destination | None:
    """The DestinationRules in force for a service in a view."""
    return destination_for(db, view.namespace, view.destination_rules, service.namespace, service.hostname)


def _bypasses(service: Service, found: Destination | None, role: str) -> bool:
    policy = found.policy if found is not None else None
    simple = policy.load_balancer.simple if policy is not None and policy.load_balancer is not None else None
    return simple == "PASSTHROUGH" or discovery_type(service, role) == _Cluster.ORIGINAL_DST


def _target(db: Database, view: ClusterView, service: Service, port: Port, found: Destination | None) -> Target:
    all_mutual = _bypasses(service, found, view.role) and all_speak_mutual_tls(db, service.key, port.number)
    return Target(
        view=view,
        mesh=mesh_config(db),
        service=service,
        port=port,
        destination=found,
        identities=identities(db, service.key),
        automatic=auto_mtls(db) and namespace_speaks_mutual_tls(db, service.namespace),
        all_mutual=all_mutual,
    )


def _port_clusters(db: Database, target: Target) -> list[Message]:
    service, port = target.service, target.port
    subsets = (None, *(target.destination.subsets if target.destination is not None else ()))
    if service.resolution not in (Resolution.DNS, Resolution.DNS_ROUND_ROBIN):
        return [build_cluster(target, subset) for subset in subsets]
    found = endpoints(db, service.key, port.number)
    made = []
    for subset in subsets:
        wanted = set((subset.labels if subset is not None else {}).items())
        chosen = tuple(endpoint for endpoint in found if wanted <= set(endpoint.labels))
        if chosen:
            made.append(build_cluster(target, subset, assignment("", chosen)))
    return made


@query
def clusters_under(
    db: Database, view: ClusterView, key: ServiceKey, rules: tuple[ResourceKey, ...]
) -> tuple[Encoded, ...]:
    """All clusters of one service for whoever these DestinationRules hold for: each port, and each subset of it."""
    service = db.get(SERVICES, key)
    if service is None or service.resolution in (Resolution.ALIAS, Resolution.DYNAMIC_DNS):
        return ()
    found = destination_of(db, rules)
    ports = {port.number: port for port in service.ports if port.protocol is not Protocol.UDP}
    targets = [_target(db, view, service, ports[number], found) for number in sorted(ports)]
    made = [cluster for target in targets for cluster in _port_clusters(db, target)]
    return tuple(encode(cluster.name, cluster) for cluster in made)


@query
def service_clusters(db: Database, view: OutboundView, hostname: str) -> tuple[Encoded, ...]:
    """All clusters of one host as a view sees it."""
    service = service_named(db, view.namespace, hostname)
    if service is None:
        return ()
    found = destination(db, view, service)
    seen = ClusterView(view.role, view.flavour, view.ipv6)
    return clusters_under(db, seen, service.key, found.rules if found is not None else ())


def _black_hole(connect_timeout: str) -> Message:
    return _Cluster(
        name=BLACK_HOLE, alt_stat_name=f"{BLACK_HOLE};", type=_Cluster.STATIC, connect_timeout=duration(connect_timeout)
    )


def _passthrough(connect_timeout: str, keep: Message) -> Message:
    cluster = _Cluster(
        name=PASSTHROUGH,
        alt_stat_name=f"{PASSTHROUGH};",
        type=_Cluster.ORIGINAL_DST,
        lb_policy=_Cluster.CLUSTER_PROVIDED,
        connect_timeout=duration(connect_timeout),
    )
    cluster.circuit_breakers.thresholds.append(thresholds())
    draft = Draft(cluster)
    speak_as_downstream(draft)
    keepalive(draft, keep)
    return draft.finish()


@query
def undeclared_clusters(db: Database, role: str) -> tuple[Encoded, ...]:
    """The clusters for hosts that nobody declared: refuse, and (sidecars only) pass through."""
    config = mesh_config(db)
    timeout = config.connect_timeout or "10s"
    made = [_black_hole(timeout)]
    if role == "sidecar":
        made.append(_passthrough(timeout, config.tcp_keepalive))
    return tuple(encode(cluster.name, cluster) for cluster in made)


@query
def outbound_clusters(db: Database, view: OutboundView) -> tuple[Encoded, ...]:
    """Every outbound cluster of a view."""
    found = [cluster for host in scope_hosts(db, view) for cluster in service_clusters(db, view, host)]
    return (*found, *undeclared_clusters(db, view.role))
