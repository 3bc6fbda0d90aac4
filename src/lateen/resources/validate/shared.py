"""Rules that several networking kinds share: destinations, weights, gateway names, connection pools, outlier detection.

In: parts of specs and their paths. Out: remarks.
"""

from lateen.resources.destination_rule import ConnectionPoolSettings, HTTPSettings, OutlierDetection, TCPSettings
from lateen.resources.selectors import Destination
from lateen.resources.validate import names
from lateen.resources.validate.remarks import Remarks, error, warning


def destination(found: Destination | None, path: str) -> Remarks:
    """A host that is no bare wildcard, with subset and port."""
    if found is None:
        return
    if found.host == "*":
        yield error(f"{path}.host", "the wildcard * is no destination")
    else:
        yield from names.wildcard_domain(found.host, f"{path}.host")
    if found.subset:
        yield from names.label(found.subset, f"{path}.subset", "name of a subset")
    if found.port is not None:
        yield from names.port(found.port.number, f"{path}.port.number")


def weights(found: tuple[int | None, ...], path: str) -> Remarks:
    """Weights are not negative; of several destinations one at least has a weight."""
    for index, weight in enumerate(found):
        yield from names.not_negative(weight, f"{path}[{index}].weight")
    if len(found) > 1 and sum(weight or 0 for weight in found) == 0:
        yield error(path, "the weights of the destinations are all 0", "give weights that add up to 100")


def gateway_names(found: tuple[str, ...], path: str) -> Remarks:
    """`mesh`, a name, or namespace/name."""
    for index, name in enumerate(found):
        where = f"{path}[{index}]"
        namespace, slash, gateway = name.partition("/")
        if slash:
            yield from names.label(namespace, where, "namespace of a gateway")
            yield from names.label(gateway, where, "name of a gateway")
            continue
        yield from names.domain(name, where)
        if "." in name:
            first, second, *_ = name.split(".")
            yield warning(where, f"the gateway is named by the legacy form {name!r}", f"write {second}/{first}")


def connection_pool(found: ConnectionPoolSettings | None, path: str) -> Remarks:
    """Limits are not negative, durations are valid, and something is set."""
    if found is None:
        return
    if found.http is None and found.tcp is None:
        yield error(path, "sets nothing")
    if found.http is not None:
        yield from _http_settings(found.http, f"{path}.http")
    if found.tcp is not None:
        yield from _tcp_settings(found.tcp, f"{path}.tcp")


def _http_settings(found: HTTPSettings, path: str) -> Remarks:
    for field, number in (
        ("http1MaxPendingRequests", found.http1_max_pending_requests),
        ("http2MaxRequests", found.http2_max_requests),
        ("maxRequestsPerConnection", found.max_requests_per_connection),
        ("maxRetries", found.max_retries),
        ("maxConcurrentStreams", found.max_concurrent_streams),
    ):
        yield from names.not_negative(number, f"{path}.{field}")
    yield from names.duration(found.idle_timeout, f"{path}.idleTimeout")
    if found.h2_upgrade_policy == "UPGRADE" and found.use_client_protocol:
        yield error(f"{path}.useClientProtocol", "contradicts h2UpgradePolicy: UPGRADE, which makes it HTTP/2 always")
    if found.http2_keep_alive is not None:
        for field, text in (("interval", found.http2_keep_alive.interval), ("timeout", found.http2_keep_alive.timeout)):
            if text is None:
                yield error(f"{path}.http2KeepAlive.{field}", "is required")
            yield from names.duration(text, f"{path}.http2KeepAlive.{field}")


def _tcp_settings(found: TCPSettings, path: str) -> Remarks:
    yield from names.not_negative(found.max_connections, f"{path}.maxConnections")
    yield from names.duration(found.connect_timeout, f"{path}.connectTimeout")
    yield from names.duration(found.max_connection_duration, f"{path}.maxConnectionDuration")
    yield from names.disabled_or_duration(found.idle_timeout, f"{path}.idleTimeout")
    if found.tcp_keepalive is not None:
        yield from names.duration(found.tcp_keepalive.time, f"{path}.tcpKeepalive.time")
        yield from names.duration(found.tcp_keepalive.interval, f"{path}.tcpKeepalive.interval")


def outlier_detection(found: OutlierDetection | None, path: str) -> Remarks:
    """Durations and percentages are valid; deprecated and idle settings are named."""
    if found is None:
        return
    yield from names.duration(found.base_ejection_time, f"{path}.baseEjectionTime")
    yield from names.duration(found.interval, f"{path}.interval")
    if found.consecutive_errors:
        instead = "write consecutive5xxErrors or consecutiveGatewayErrors"
        yield warning(f"{path}.consecutiveErrors", "is an old setting", instead)
    if not found.split_external_local_origin_errors and (found.consecutive_local_origin_failures or 0) > 0:
        where = f"{path}.consecutiveLocalOriginFailures"
        yield error(where, "has no effect while splitExternalLocalOriginErrors is false")
    yield from names.percent(found.max_ejection_percent, f"{path}.maxEjectionPercent")
    yield from names.percent(found.min_health_percent, f"{path}.minHealthPercent")
