"""How a cluster chooses an endpoint: DestinationRule's `loadBalancer`.

In: the settings in force for one port. Out: changes to a cluster under construction. Rule: least request by default,
as in Istio; sizes that Envoy would refuse become the nearest that it takes.
"""

from typing import Any as Message

from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.core.v3 import base_pb2
from envoy.type.v3 import percent_pb2

from lateen.resources.destination_rule import LoadBalancerSettings
from lateen.xds.clusters_policy import Draft
from lateen.xds.values import bounded, duration

LARGEST_RING = 8 * 1024 * 1024
LARGEST_TABLE = 5_000_011

_Cluster = cluster_pb2.Cluster


def _slow_start(balancer: LoadBalancerSettings) -> Message:
    if balancer.warmup is not None:
        warmup = balancer.warmup
        aggression = base_pb2.RuntimeDouble(default_value=warmup.aggression or 1.0, runtime_key="(")
        share = percent_pb2.Percent(value=10.0 if warmup.minimum_percent is None else warmup.minimum_percent)
        return _Cluster.SlowStartConfig(
            slow_start_window=duration(warmup.duration), aggression=aggression, min_weight_percent=share
        )
    if balancer.warmup_duration_secs:
        return _Cluster.SlowStartConfig(slow_start_window=duration(balancer.warmup_duration_secs))
    return None


def _hashing(cluster: Message, balancer: LoadBalancerSettings) -> None:
    hashed = balancer.consistent_hash
    if hashed is None:
        return
    if hashed.maglev is not None:
        cluster.lb_policy = _Cluster.MAGLEV
        size = bounded(hashed.maglev.table_size or 0, LARGEST_TABLE)
        if size:
            cluster.maglev_lb_config.table_size.value = size
        return
    cluster.lb_policy = _Cluster.RING_HASH
    asked = hashed.ring_hash.minimum_ring_size if hashed.ring_hash is not None else hashed.minimum_ring_size
    cluster.ring_hash_lb_config.minimum_ring_size.value = bounded(asked or 1024, LARGEST_RING)


def load_balancer(draft: Draft, balancer: LoadBalancerSettings | None) -> None:
    """How an endpoint is chosen; least request by default. Connections to the original destination choose nothing."""
    cluster = draft.cluster
    if cluster.type == _Cluster.ORIGINAL_DST:
        cluster.lb_policy = _Cluster.CLUSTER_PROVIDED
        return
    balancer = balancer or LoadBalancerSettings()
    if balancer.simple == "PASSTHROUGH":
        cluster.lb_policy = _Cluster.CLUSTER_PROVIDED
        cluster.type = _Cluster.ORIGINAL_DST
        cluster.ClearField("load_assignment")
        return
    _simple(cluster, balancer)
    _hashing(cluster, balancer)


def _simple(cluster: Message, balancer: LoadBalancerSettings) -> None:
    slow_start = _slow_start(balancer)
    if balancer.simple == "RANDOM":
        cluster.lb_policy = _Cluster.RANDOM
    elif balancer.simple == "ROUND_ROBIN":
        cluster.lb_policy = _Cluster.ROUND_ROBIN
        if slow_start is not None and balancer.consistent_hash is None:
            cluster.round_robin_lb_config.slow_start_config.CopyFrom(slow_start)
    else:
        cluster.lb_policy = _Cluster.LEAST_REQUEST
        if slow_start is not None and balancer.consistent_hash is None:
            cluster.least_request_lb_config.slow_start_config.CopyFrom(slow_start)
