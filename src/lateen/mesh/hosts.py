"""Host names and the names that Envoy's objects get from them.

In: names as users write them (short, qualified, wildcard). Out: fully qualified names, match decisions, and Istio's
names of clusters (`outbound|80|v1|reviews.default.svc.cluster.local`), which dashboards, access logs and
`proxy-config` show. Rule: every comparison of host names in `mesh` and `xds` goes through here, in lower case.
"""

from ipaddress import ip_address, ip_network

from lateen.resources.numbers import digits


def qualify(host: str, namespace: str, domain: str) -> str:
    """The full name of `host` as written in an object of `namespace`: a name without dots is a service of that
    namespace.
    """
    lowered = host.lower()
    if "." in lowered or lowered.startswith("*"):
        return lowered
    return f"{lowered}.{namespace}.svc.{domain}"


def service_host(name: str, namespace: str, domain: str) -> str:
    """The host name of a Kubernetes Service."""
    return f"{name}.{namespace}.svc.{domain}"


def is_wildcard(host: str) -> bool:
    """Whether `host` stands for several names."""
    return host.startswith("*")


def covers(pattern: str, host: str) -> bool:
    """Whether every name of `host` (itself perhaps a wildcard) is one of `pattern`: `*.a.com` covers `x.a.com` and
    `*.b.a.com`, not `a.com`.
    """
    if pattern == "*":
        return True
    if is_wildcard(pattern):
        suffix = pattern[1:]
        return host.endswith(suffix) and len(host) > len(suffix)
    return pattern == host


def overlaps(first: str, second: str) -> bool:
    """Whether two host patterns have a name in common."""
    return covers(first, second) or covers(second, first)


def specificity(pattern: str) -> tuple[int, int]:
    """Sort key of host patterns, most specific first when sorted in reverse: exact before wildcard, then longer
    before shorter.
    """
    return (0 if is_wildcard(pattern) else 1, len(pattern))


def subset_key(direction: str, subset: str, host: str, port: int) -> str:
    """Name of a cluster: `outbound|8080|v2|reviews.default.svc.cluster.local`."""
    return f"{direction}|{port}|{subset}|{host}"


def sni_key(direction: str, subset: str, host: str, port: int) -> str:
    """The server name of mutual TLS between sidecars: `outbound_.8080_.v2_.reviews.default.svc.cluster.local`."""
    return f"{direction}_.{port}_.{subset}_.{host}"


def parse_subset_key(name: str) -> tuple[str, int, str, str] | None:
    """(direction, port, subset, host) of a cluster name; None for other names."""
    parts = name.split("|")
    port = digits(parts[1]) if len(parts) == 4 else None
    return None if port is None else (parts[0], port, parts[2], parts[3])


def is_ip(text: str) -> bool:
    """Whether `text` is an IPv4 or IPv6 address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def is_cidr(text: str) -> bool:
    """Whether `text` is an address range with a prefix length."""
    if "/" not in text:
        return False
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def bracketed(address: str) -> str:
    """`address` as it stands in a host header: IPv6 in brackets."""
    return f"[{address}]" if ":" in address and is_ip(address) else address
