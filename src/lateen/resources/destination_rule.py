"""DestinationRule: what happens to traffic after it has been routed: subsets, balancing, pools, outliers, TLS.

Reference: https://istio.io/latest/docs/reference/config/networking/destination-rule/
In: the `spec` of the object. Out: frozen structs. Rule: which settings win over which is decided in `mesh`, not here.
"""

from typing import Literal

import msgspec

from lateen.resources.selectors import PortNumber, WorkloadSelector
from lateen.resources.structs import IstioStruct

H2UpgradePolicy = Literal["DEFAULT", "DO_NOT_UPGRADE", "UPGRADE"]
SimpleLoadBalancer = Literal["UNSPECIFIED", "LEAST_CONN", "RANDOM", "PASSTHROUGH", "ROUND_ROBIN", "LEAST_REQUEST"]
ClientTLSMode = Literal["DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL"]
ProxyProtocolVersion = Literal["V1", "V2"]


class TcpKeepalive(IstioStruct):
    """Keep-alive probes of the socket. .../destination-rule/#ConnectionPoolSettings-TCPSettings-TcpKeepalive."""

    probes: int | None = None
    time: str | None = None
    interval: str | None = None


class TCPSettings(IstioStruct):
    """Limits of connections to one host. .../destination-rule/#ConnectionPoolSettings-TCPSettings."""

    max_connections: int | None = None
    connect_timeout: str | None = None
    tcp_keepalive: TcpKeepalive | None = None
    max_connection_duration: str | None = None
    idle_timeout: str | None = None


class Http2KeepAlive(IstioStruct):
    """HTTP/2 PINGs on idle connections. .../destination-rule/#ConnectionPoolSettings-HTTPSettings."""

    interval: str | None = None
    timeout: str | None = None


class HTTPSettings(IstioStruct):
    """Limits of requests to one host. .../destination-rule/#ConnectionPoolSettings-HTTPSettings."""

    http1_max_pending_requests: int | None = None
    http2_max_requests: int | None = None
    max_requests_per_connection: int | None = None
    max_retries: int | None = None
    idle_timeout: str | None = None
    h2_upgrade_policy: H2UpgradePolicy = "DEFAULT"
    use_client_protocol: bool = False
    max_concurrent_streams: int | None = None
    http2_keep_alive: Http2KeepAlive | None = None


class ConnectionPoolSettings(IstioStruct):
    """Limits for TCP and HTTP. .../destination-rule/#ConnectionPoolSettings."""

    tcp: TCPSettings | None = None
    http: HTTPSettings | None = None


class CookieAttribute(IstioStruct):
    """An additional attribute of the affinity cookie.

    .../destination-rule/#LoadBalancerSettings-ConsistentHashLB-HTTPCookie.
    """

    name: str
    value: str | None = None


class HTTPCookie(IstioStruct):
    """A cookie that keeps a client at one host.

    .../destination-rule/#LoadBalancerSettings-ConsistentHashLB-HTTPCookie.
    """

    name: str
    path: str | None = None
    ttl: str | None = None
    attributes: tuple[CookieAttribute, ...] = ()


class RingHash(IstioStruct):
    """Hashing on a ring. .../destination-rule/#LoadBalancerSettings-ConsistentHashLB-RingHash."""

    minimum_ring_size: int | None = None


class Maglev(IstioStruct):
    """Hashing by Maglev's table. .../destination-rule/#LoadBalancerSettings-ConsistentHashLB-MagLev."""

    table_size: int | None = None


class ConsistentHashLB(IstioStruct):
    """Affinity by one property of the request. .../destination-rule/#LoadBalancerSettings-ConsistentHashLB."""

    http_header_name: str | None = None
    http_cookie: HTTPCookie | None = None
    use_source_ip: bool | None = None
    http_query_parameter_name: str | None = None
    ring_hash: RingHash | None = None
    maglev: Maglev | None = None
    minimum_ring_size: int | None = None


class LocalityDistribute(IstioStruct):
    """Shares of localities for traffic from one. .../destination-rule/#LocalityLoadBalancerSetting-Distribute."""

    from_: str | None = None
    to: dict[str, int] = {}


class LocalityFailover(IstioStruct):
    """The region that takes over. .../destination-rule/#LocalityLoadBalancerSetting-Failover."""

    from_: str | None = None
    to: str | None = None


class LocalityLoadBalancerSetting(IstioStruct):
    """Balancing by where client and server are. .../destination-rule/#LocalityLoadBalancerSetting."""

    distribute: tuple[LocalityDistribute, ...] = ()
    failover: tuple[LocalityFailover, ...] = ()
    failover_priority: tuple[str, ...] = ()
    enabled: bool | None = None


class ZoneAwareLoadBalancerSetting(IstioStruct):
    """Balancing that prefers the own zone in proportion to its capacity. .../destination-rule/#LoadBalancerSettings."""

    failover: tuple[LocalityFailover, ...] = ()
    failover_priority: tuple[str, ...] = ()
    enabled: bool | None = None
    min_cluster_size: int | None = None


class WarmupConfiguration(IstioStruct):
    """Slow start of new endpoints. .../destination-rule/#WarmupConfiguration."""

    duration: str
    minimum_percent: float | None = None
    aggression: float | None = None


class LoadBalancerSettings(IstioStruct):
    """One of a simple policy or hashing, with locality and warm-up. .../destination-rule/#LoadBalancerSettings."""

    simple: SimpleLoadBalancer | None = None
    consistent_hash: ConsistentHashLB | None = None
    locality_lb_setting: LocalityLoadBalancerSetting | None = None
    zone_aware_lb_setting: ZoneAwareLoadBalancerSetting | None = None
    warmup_duration_secs: str | None = None
    warmup: WarmupConfiguration | None = None


class OutlierDetection(IstioStruct):
    """When a failing host is left out, and for how long. .../destination-rule/#OutlierDetection."""

    consecutive_errors: int | None = None
    split_external_local_origin_errors: bool = False
    consecutive_local_origin_failures: int | None = None
    consecutive_gateway_errors: int | None = None
    consecutive_5xx_errors: int | None = msgspec.field(default=None, name="consecutive5xxErrors")
    interval: str | None = None
    base_ejection_time: str | None = None
    max_ejection_percent: int | None = None
    min_health_percent: int | None = None
    outlier_detection_http_error_codes: tuple[int, ...] = ()


class ClientTLSSettings(IstioStruct):
    """TLS towards the destination.

    .../destination-rule/#ClientTLSSettings. An absent mode is DISABLE, as in protobuf.
    """

    mode: ClientTLSMode = "DISABLE"
    client_certificate: str | None = None
    private_key: str | None = None
    ca_certificates: str | None = None
    credential_name: str | None = None
    subject_alt_names: tuple[str, ...] = ()
    sni: str | None = None
    insecure_skip_verify: bool | None = None
    ca_crl: str | None = None


class TunnelSettings(IstioStruct):
    """Tunnelling through a proxy by CONNECT or POST. .../destination-rule/#TrafficPolicy-TunnelSettings."""

    target_host: str
    target_port: int
    protocol: str | None = None


class ProxyProtocol(IstioStruct):
    """The PROXY protocol's header on connections. .../destination-rule/#TrafficPolicy-ProxyProtocol."""

    version: ProxyProtocolVersion = "V1"


class RetryBudget(IstioStruct):
    """Concurrent retries as a share of requests. .../destination-rule/#TrafficPolicy-RetryBudget."""

    percent: float | None = None
    min_retry_concurrency: int | None = None
    budget_interval: str | None = None


class PortTrafficPolicy(IstioStruct):
    """Settings of one port, which replace those of the destination as a whole.

    .../destination-rule/#TrafficPolicy-PortTrafficPolicy.
    """

    port: PortNumber | None = None
    load_balancer: LoadBalancerSettings | None = None
    connection_pool: ConnectionPoolSettings | None = None
    outlier_detection: OutlierDetection | None = None
    tls: ClientTLSSettings | None = None


class TrafficPolicy(IstioStruct):
    """Settings of a destination or a subset. .../destination-rule/#TrafficPolicy."""

    load_balancer: LoadBalancerSettings | None = None
    connection_pool: ConnectionPoolSettings | None = None
    outlier_detection: OutlierDetection | None = None
    tls: ClientTLSSettings | None = None
    port_level_settings: tuple[PortTrafficPolicy, ...] = ()
    tunnel: TunnelSettings | None = None
    proxy_protocol: ProxyProtocol | None = None
    retry_budget: RetryBudget | None = None


class Subset(IstioStruct):
    """A named part of a service's endpoints, by labels. .../destination-rule/#Subset."""

    name: str
    labels: dict[str, str] = {}
    traffic_policy: TrafficPolicy | None = None


class DestinationRuleSpec(IstioStruct):
    """The host, its settings and its subsets. .../destination-rule/#DestinationRule."""

    host: str
    traffic_policy: TrafficPolicy | None = None
    subsets: tuple[Subset, ...] = ()
    export_to: tuple[str, ...] = ()
    workload_selector: WorkloadSelector | None = None
