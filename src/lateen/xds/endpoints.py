"""Load assignments (EDS): the addresses behind a cluster.

In: a cluster's name and the endpoints of its service. Out: encoded ClusterLoadAssignments. Rule: what an assignment
depends on beside the name (the labels of a subset) is looked up for each view, but the bytes are made once for all
views that agree on it. An endpoint with a sidecar says so in its metadata (`tlsMode: istio`); the cluster's transport
socket matches choose by that.
"""

from collections.abc import Iterable
from itertools import groupby
from typing import Any as Message

import msgspec
from envoy.config.core.v3 import base_pb2
from envoy.config.endpoint.v3 import endpoint_components_pb2, endpoint_pb2

from lateen.engine import Database, query
from lateen.mesh.authn import mtls_mode
from lateen.mesh.destinations import destination_for
from lateen.mesh.endpoints import Endpoint, endpoints
from lateen.mesh.hosts import parse_subset_key
from lateen.mesh.node import Labels
from lateen.mesh.selectors import labels_of, selects
from lateen.mesh.services import ServiceKey, service_named
from lateen.mesh.views import EndpointView, OutboundView
from lateen.mesh.workloads import ISTIO_TLS, NO_TLS
from lateen.xds.encode import Encoded, encode
from lateen.xds.values import shares, socket_address, uint32

Placed = tuple[Endpoint, ...]


def _workload(endpoint: Endpoint, cluster_id: str) -> str:
    """Istio's short description of a workload, which telemetry reads: name;namespace;canonical name;canonical
    revision;cluster.
    """
    labels = dict(endpoint.labels)
    names = ("service.istio.io/canonical-name", "app.kubernetes.io/name", "app")
    canonical = next((labels[name] for name in names if labels.get(name)), endpoint.workload)
    revisions = ("service.istio.io/canonical-revision", "app.kubernetes.io/version", "version")
    revision = next((labels[name] for name in revisions if labels.get(name)), "")
    return ";".join((endpoint.workload, endpoint.namespace, canonical, revision, cluster_id))


def _lb_endpoint(endpoint: Endpoint, weight: int, cluster_id: str) -> Message:
    out = endpoint_components_pb2.LbEndpoint(load_balancing_weight=uint32(weight))
    out.endpoint.address.CopyFrom(socket_address(endpoint.address, endpoint.port))
    if endpoint.tls_mode == ISTIO_TLS:
        out.metadata.filter_metadata["envoy.transport_socket_match"].update({"tlsMode": ISTIO_TLS})
    if endpoint.workload:
        out.metadata.filter_metadata["istio"].update({"workload": _workload(endpoint, cluster_id)})
    return out


def assignment(name: str, found: Iterable[Endpoint], cluster_id: str = "Kubernetes") -> Message:
    """The load assignment of cluster `name`: one group for each locality, in sorted order."""
    ordered = sorted(found, key=lambda endpoint: (endpoint.locality, endpoint.address, endpoint.port))
    out = endpoint_pb2.ClusterLoadAssignment(cluster_name=name)
    for (region, zone, subzone), group in groupby(ordered, key=lambda endpoint: endpoint.locality):
        there = list(group)
        weights = shares([endpoint.weight or 1 for endpoint in there])
        members = [_lb_endpoint(one, weight, cluster_id) for one, weight in zip(there, weights, strict=True)]
        out.endpoints.append(
            endpoint_components_pb2.LocalityLbEndpoints(
                locality=base_pb2.Locality(region=region, zone=zone, sub_zone=subzone),
                lb_endpoints=members,
                load_balancing_weight=uint32(sum(weights)),
            )
        )
    return out


@query
def _speaks_mutual_tls(db: Database, namespace: str, labels: Labels, port: int) -> bool:
    return mtls_mode(db, namespace, labels, port) != "DISABLE"


def _as_seen(db: Database, endpoint: Endpoint) -> Endpoint:
    """The endpoint without its TLS mode where policy has switched mutual TLS off on that port."""
    if endpoint.tls_mode != ISTIO_TLS or _speaks_mutual_tls(db, endpoint.namespace, endpoint.labels, endpoint.port):
        return endpoint
    return msgspec.structs.replace(endpoint, tls_mode=NO_TLS)


@query
def encoded_assignment(db: Database, name: str, key: ServiceKey, labels: Labels, view: EndpointView) -> Encoded:
    """The bytes of one assignment: the endpoints of `key` that carry `labels`."""
    parsed = parse_subset_key(name)
    port = parsed[1] if parsed is not None else 0
    chosen = [_as_seen(db, item) for item in endpoints(db, key, port) if selects(dict(labels), item.labels)]
    return encode(name, assignment(name, chosen, view.cluster_id))


@query
def _subset_labels(db: Database, view: OutboundView, namespace: str, host: str, subset: str) -> Labels | None:
    found = destination_for(db, view.namespace, view.destination_rules, namespace, host)
    wanted = found.subset(subset) if found is not None else None
    return None if wanted is None else labels_of(wanted.labels)


@query
def load_assignment(db: Database, view: OutboundView, endpoint_view: EndpointView, name: str) -> Encoded | None:
    """The load assignment of cluster `name` for a view; None if there is no such service or subset."""
    parsed = parse_subset_key(name)
    if parsed is None or parsed[0] != "outbound":
        return None
    _, _, subset, host = parsed
    service = service_named(db, view.namespace, host)
    if service is None:
        return None
    labels = _subset_labels(db, view, service.namespace, host, subset) if subset else ()
    return None if labels is None else encoded_assignment(db, name, service.key, labels, endpoint_view)
