"""Rules for DestinationRule.

In: the spec and its metadata. Out: remarks. Reference:
https://istio.io/latest/docs/reference/config/networking/destination-rule/
"""

from lateen.resources.destination_rule import (
    ClientTLSSettings,
    ConsistentHashLB,
    DestinationRuleSpec,
    LoadBalancerSettings,
    PortTrafficPolicy,
    TrafficPolicy,
    TunnelSettings,
)
from lateen.resources.model import Meta
from lateen.resources.validate import names
from lateen.resources.validate.locality import locality_setting, zone_aware_setting
from lateen.resources.validate.remarks import Remarks, error, warning
from lateen.resources.validate.selectors import workload_selector
from lateen.resources.validate.shared import connection_pool, outlier_detection

_LARGEST_TABLE = 5_000_011


def destination_rule(spec: DestinationRuleSpec, meta: Meta) -> Remarks:
    """All rules of the kind."""
    yield from names.wildcard_domain(spec.host, "spec.host")
    yield from traffic_policy(spec.traffic_policy, "spec.trafficPolicy")
    seen: set[str] = set()
    for index, subset in enumerate(spec.subsets):
        path = f"spec.subsets[{index}]"
        if subset.name in seen:
            yield error(f"{path}.name", f"{subset.name!r} names another subset already")
        seen.add(subset.name)
        yield from names.label(subset.name, f"{path}.name", "name of a subset")
        yield from names.labels(subset.labels, f"{path}.labels")
        yield from traffic_policy(subset.traffic_policy, f"{path}.trafficPolicy")
    yield from names.exports(spec.export_to, "spec.exportTo", meta.namespace)
    if spec.workload_selector is not None and any(entry not in (".", meta.namespace) for entry in spec.export_to):
        yield error("spec.exportTo", "a rule with a workload selector is for its own namespace only", "write .")
    yield from workload_selector(spec.workload_selector, "spec.workloadSelector")


def traffic_policy(policy: TrafficPolicy | None, path: str) -> Remarks:
    """Settings of a destination or a subset; at least one of them is there."""
    if policy is None:
        return
    if policy == TrafficPolicy():
        yield error(path, "sets nothing")
    if policy.tunnel is not None and policy.proxy_protocol is not None:
        yield error(path, "a tunnel and the PROXY protocol exclude each other")
    yield from _common(policy, path)
    for index, settings in enumerate(policy.port_level_settings):
        where = f"{path}.portLevelSettings[{index}]"
        if settings.port is None:
            yield error(f"{where}.port", "is required")
        if settings == PortTrafficPolicy(port=settings.port):
            yield error(where, "sets nothing for its port")
        yield from _common(settings, where)
    yield from _tunnel(policy.tunnel, f"{path}.tunnel")


def _common(policy: TrafficPolicy | PortTrafficPolicy, path: str) -> Remarks:
    """What a destination and a port have both."""
    failover_works = policy.outlier_detection is not None
    yield from outlier_detection(policy.outlier_detection, f"{path}.outlierDetection")
    yield from connection_pool(policy.connection_pool, f"{path}.connectionPool")
    yield from _load_balancer(policy.load_balancer, f"{path}.loadBalancer", failover_works)
    yield from client_tls(policy.tls, f"{path}.tls")


def _tunnel(tunnel: TunnelSettings | None, path: str) -> Remarks:
    if tunnel is None:
        return
    if tunnel.protocol and tunnel.protocol not in ("CONNECT", "POST"):
        yield error(f"{path}.protocol", f"{tunnel.protocol!r} is no way to tunnel", "write CONNECT or POST")
    if not names.is_address(tunnel.target_host):
        yield from names.domain(tunnel.target_host, f"{path}.targetHost")
    yield from names.port(tunnel.target_port, f"{path}.targetPort")


def _load_balancer(found: LoadBalancerSettings | None, path: str, failover_works: bool) -> Remarks:
    if found is None:
        return
    if found.simple is not None and found.consistent_hash is not None:
        yield error(path, "simple and consistentHash exclude each other")
    if found.consistent_hash is not None:
        yield from _consistent_hash(found.consistent_hash, f"{path}.consistentHash")
    if found.locality_lb_setting is not None and found.zone_aware_lb_setting is not None:
        yield error(path, "localityLbSetting and zoneAwareLbSetting exclude each other")
    yield from locality_setting(found.locality_lb_setting, f"{path}.localityLbSetting", failover_works)
    yield from zone_aware_setting(found.zone_aware_lb_setting, f"{path}.zoneAwareLbSetting", failover_works)
    yield from names.duration_text(found.warmup_duration_secs, f"{path}.warmupDurationSecs")
    if found.warmup is not None:
        yield from names.duration(found.warmup.duration, f"{path}.warmup.duration")
        yield from names.percent(found.warmup.minimum_percent, f"{path}.warmup.minimumPercent")
        if found.warmup.aggression is not None and found.warmup.aggression <= 0:
            yield error(f"{path}.warmup.aggression", f"must be greater than 0, is {found.warmup.aggression:g}")


def _consistent_hash(found: ConsistentHashLB, path: str) -> Remarks:
    """One key to hash by, one way to hash."""
    keys = (found.http_header_name, found.http_cookie, found.use_source_ip, found.http_query_parameter_name)
    if sum(key is not None for key in keys) > 1:
        yield error(path, "hashes by several things; one is possible")
    if found.ring_hash is not None and found.maglev is not None:
        yield error(path, "ringHash and maglev exclude each other")
    if found.http_cookie is not None:
        if not found.http_cookie.name:
            yield error(f"{path}.httpCookie.name", "the cookie has no name")
        yield from names.duration_text(found.http_cookie.ttl, f"{path}.httpCookie.ttl")
        attributes = [attribute.name for attribute in found.http_cookie.attributes]
        if "" in attributes or len(set(attributes)) != len(attributes):
            yield error(f"{path}.httpCookie.attributes", "each attribute needs a name of its own")
    if found.minimum_ring_size:
        yield warning(f"{path}.minimumRingSize", "is an old spelling", "write it as ringHash.minimumRingSize")
        if found.ring_hash is not None or found.maglev is not None:
            yield error(path, "the old minimumRingSize cannot stand beside ringHash and maglev")
    if found.maglev is not None:
        yield from _maglev(found.maglev.table_size or 0, f"{path}.maglev.tableSize")


def _maglev(size: int, path: str) -> Remarks:
    if size == 0:
        yield error(path, "is missing")
    elif size >= _LARGEST_TABLE:
        yield error(path, f"{size} is too large; below {_LARGEST_TABLE} is possible")
    elif not _is_prime(size):
        yield error(path, f"{size} is not prime, as Maglev needs it")


def _is_prime(number: int) -> bool:
    """Tell whether a number is prime; 1 passes, as it does in Envoy."""
    return number < 4 or (number % 2 == 1 and all(number % factor for factor in range(3, int(number**0.5) + 1, 2)))


def client_tls(found: ClientTLSSettings | None, path: str) -> Remarks:
    """Certificates come from one place, and are there where the mode needs them."""
    if found is None:
        return
    files = (found.client_certificate, found.private_key, found.ca_certificates, found.ca_crl)
    if found.insecure_skip_verify and found.mode in ("SIMPLE", "MUTUAL"):
        by_name = found.mode == "SIMPLE" and found.credential_name
        if found.ca_certificates or found.subject_alt_names or by_name:
            yield error(path, "asks for no verification and gives something to verify against")
    if found.mode in ("SIMPLE", "MUTUAL") and found.credential_name:
        if any(files):
            yield error(
                path, "takes certificates from a Secret (credentialName) and from files; one of both is possible"
            )
        return
    if found.mode == "MUTUAL":
        for field, value in (("clientCertificate", found.client_certificate), ("privateKey", found.private_key)):
            if not value:
                yield error(f"{path}.{field}", "is missing: mutual TLS needs it")
