"""What a DestinationRule's traffic policy does to a cluster: limits and outlier detection.

In: the policy in force for one port (already merged), the mesh's defaults. Out: changes to a cluster under
construction. Rule: absent limits are unlimited (Envoy's own default of 1,024 would be a surprise), as in Istio.
"""

from dataclasses import dataclass
from typing import Any as Message

from envoy.config.cluster.v3 import circuit_breaker_pb2, outlier_detection_pb2
from envoy.config.core.v3 import address_pb2, protocol_pb2
from envoy.extensions.upstreams.http.v3 import http_protocol_options_pb2
from envoy.type.v3 import percent_pb2

from lateen.resources.destination_rule import (
    ConnectionPoolSettings,
    OutlierDetection,
    RetryBudget,
)
from lateen.resources.duration import parse_duration
from lateen.xds.any import pack
from lateen.xds.values import bounded, duration, uint32

HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
UNLIMITED = 2**32 - 1
MOST_STREAMS = 2**31 - 1


@dataclass
class Draft:
    """A cluster under construction. `http` is packed into it at the end, if anything was set."""

    cluster: Message
    http: Message = None

    def options(self) -> Message:
        """The HTTP options, made on first use."""
        if self.http is None:
            self.http = http_protocol_options_pb2.HttpProtocolOptions()
        return self.http

    @property
    def is_http2(self) -> bool:
        """Whether the upstream connection is HTTP/2 in any case."""
        return self.http is not None and self.http.explicit_http_config.HasField("http2_protocol_options")

    def finish(self) -> Message:
        """The cluster with its HTTP options packed in."""
        if self.http is not None:
            if self.http.WhichOneof("upstream_protocol_options") is None:
                self.http.explicit_http_config.http_protocol_options.SetInParent()
            self.cluster.typed_extension_protocol_options[HTTP_OPTIONS].CopyFrom(pack(self.http))
        return self.cluster


def speak_http2(draft: Draft) -> None:
    """HTTP/2 to the upstream, unless something else has been set."""
    options = draft.options()
    if options.WhichOneof("upstream_protocol_options") is None:
        options.explicit_http_config.http2_protocol_options.SetInParent()


def speak_as_downstream(draft: Draft) -> None:
    """The protocol that the client speaks, for ports whose protocol is detected."""
    options = draft.options().use_downstream_protocol_config
    options.http_protocol_options.SetInParent()
    options.http2_protocol_options.SetInParent()


def thresholds() -> Message:
    """Circuit breakers that never open."""
    return circuit_breaker_pb2.CircuitBreakers.Thresholds(
        max_connections=uint32(UNLIMITED),
        max_pending_requests=uint32(UNLIMITED),
        max_requests=uint32(UNLIMITED),
        max_retries=uint32(UNLIMITED),
        track_remaining=True,
    )


def _retry_budget(limits: Message, budget: RetryBudget) -> None:
    share = 20.0 if budget.percent is None else min(max(budget.percent, 0.0), 100.0)
    limits.retry_budget.budget_percent.value = share
    limits.retry_budget.min_retry_concurrency.value = bounded(budget.min_retry_concurrency or 3)


def _limits(pool: ConnectionPoolSettings, budget: RetryBudget | None) -> Message:
    limits = thresholds()
    if budget is not None:
        _retry_budget(limits, budget)
    wanted = {}
    if pool.http is not None:
        wanted = {
            "max_requests": pool.http.http2_max_requests,
            "max_pending_requests": pool.http.http1_max_pending_requests,
            "max_retries": pool.http.max_retries,
        }
    if pool.tcp is not None:
        wanted["max_connections"] = pool.tcp.max_connections
    for name, number in wanted.items():
        if number is not None and number > 0:
            getattr(limits, name).value = bounded(number)
    return limits


def _common_http(draft: Draft, pool: ConnectionPoolSettings) -> None:
    http, tcp = pool.http, pool.tcp
    idle = (http.idle_timeout if http is not None else None) or (tcp.idle_timeout if tcp is not None else None)
    if idle:
        draft.options().common_http_protocol_options.idle_timeout.CopyFrom(duration(idle))
    if http is not None and http.max_requests_per_connection:
        draft.options().common_http_protocol_options.max_requests_per_connection.value = bounded(
            http.max_requests_per_connection
        )
    if tcp is not None and tcp.max_connection_duration:
        draft.options().common_http_protocol_options.max_connection_duration.CopyFrom(
            duration(tcp.max_connection_duration)
        )


def _http2_settings(draft: Draft, pool: ConnectionPoolSettings) -> None:
    if pool.http is None or not draft.is_http2:
        return
    options = draft.options().explicit_http_config.http2_protocol_options
    if pool.http.max_concurrent_streams:
        options.max_concurrent_streams.value = bounded(pool.http.max_concurrent_streams, MOST_STREAMS)
    alive = pool.http.http2_keep_alive
    if alive is not None and alive.interval:
        settings = protocol_pb2.KeepaliveSettings(interval=duration(alive.interval))
        if alive.timeout:
            settings.timeout.CopyFrom(duration(alive.timeout))
        options.connection_keepalive.CopyFrom(settings)


def keepalive(draft: Draft, settings: Message) -> None:
    """TCP keep-alive of upstream sockets: `probes`, `time` and `interval` of Istio's TcpKeepalive; None leaves it
    off.
    """
    if settings is None:
        return
    alive = address_pb2.TcpKeepalive()
    if settings.probes:
        alive.keepalive_probes.value = bounded(settings.probes)
    if settings.time:
        alive.keepalive_time.value = bounded(int(parse_duration(settings.time)))
    if settings.interval:
        alive.keepalive_interval.value = bounded(int(parse_duration(settings.interval)))
    draft.cluster.upstream_connection_options.tcp_keepalive.CopyFrom(alive)


def connection_pool(
    draft: Draft, pool: ConnectionPoolSettings | None, budget: RetryBudget | None, *, upgrade: bool
) -> None:
    """Limits and protocol settings. `upgrade`: whether HTTP/1 is to be carried over HTTP/2."""
    pool = pool or ConnectionPoolSettings()
    if upgrade:
        speak_http2(draft)
    draft.cluster.circuit_breakers.thresholds.append(_limits(pool, budget))
    if pool.tcp is not None and pool.tcp.connect_timeout:
        draft.cluster.connect_timeout.CopyFrom(duration(pool.tcp.connect_timeout))
    _common_http(draft, pool)
    _http2_settings(draft, pool)
    if pool.http is not None and pool.http.use_client_protocol:
        speak_as_downstream(draft)


def outlier_detection(draft: Draft, outlier: OutlierDetection | None) -> None:
    """When endpoints that fail are left out. Success-rate detection stays off; the panic threshold is what the rule
    says, 0 by default.
    """
    if outlier is None:
        return
    out = outlier_detection_pb2.OutlierDetection(enforcing_success_rate=uint32(0))
    _consecutive(out, outlier)
    for name in ("interval", "base_ejection_time"):
        value = getattr(outlier, name)
        if value:
            getattr(out, name).CopyFrom(duration(value))
    if outlier.max_ejection_percent:
        out.max_ejection_percent.value = bounded(outlier.max_ejection_percent, 100)
    if outlier.split_external_local_origin_errors:
        out.split_external_local_origin_errors = True
        out.enforcing_local_origin_success_rate.value = 0
        if outlier.consecutive_local_origin_failures:
            out.consecutive_local_origin_failure.value = bounded(outlier.consecutive_local_origin_failures)
            out.enforcing_consecutive_local_origin_failure.value = 100
    draft.cluster.outlier_detection.CopyFrom(out)
    threshold = percent_pb2.Percent(value=bounded(outlier.min_health_percent or 0, 100))
    draft.cluster.common_lb_config.healthy_panic_threshold.CopyFrom(threshold)


def _consecutive(out: Message, outlier: OutlierDetection) -> None:
    if outlier.consecutive_5xx_errors is not None:
        out.consecutive_5xx.value = bounded(outlier.consecutive_5xx_errors)
        out.enforcing_consecutive_5xx.value = 100 if outlier.consecutive_5xx_errors else 0
    if outlier.consecutive_gateway_errors is not None:
        out.consecutive_gateway_failure.value = bounded(outlier.consecutive_gateway_errors)
        out.enforcing_consecutive_gateway_failure.value = 100 if outlier.consecutive_gateway_errors else 0
