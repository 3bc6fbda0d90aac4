"""The files that a container finds in /etc: hosts, resolv.conf, hostname, users.

In: the pod, its address, the mesh's DNS. Out: texts. Rules kept: names resolve as in a cluster (search domains of the
namespace, ndots 5); user 1337 exists, because the redirection rules and the proxies' image rely on it.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from lateen.localcluster.pods import Pod

__all__ = ["DnsSettings", "etc_files", "fully_qualified", "resolv_conf"]

USERS = (
    "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
    "www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\nistio-proxy:x:1337:1337:proxy:/:/bin/sh\n"
)
GROUP = "root:x:0:\ntty:x:5:\nwww-data:x:33:\nnogroup:x:65534:\nistio-proxy:x:1337:\n"
NSSWITCH = "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\nprotocols: files\n"


class DnsSettings(msgspec.Struct, frozen=True):
    """The mesh's name server and cluster domain, and what this machine itself uses (for `dnsPolicy: Default`)."""

    server: str
    domain: str
    upstream: tuple[str, ...] = ()


def fully_qualified(pod: Pod, domain: str) -> str:
    """The pod's name in the cluster; only a pod with a subdomain has one."""
    return f"{pod.host_name}.{pod.spec.subdomain}.{pod.namespace}.svc.{domain}" if pod.spec.subdomain else ""


def etc_files(pod: Pod, address: str, dns: DnsSettings) -> tuple[tuple[str, str], ...]:
    """(path, text) of each file."""
    return (
        ("/etc/hosts", _hosts(pod, address, dns.domain)),
        ("/etc/hostname", f"{pod.host_name}\n"),
        ("/etc/resolv.conf", resolv_conf(pod, dns)),
        ("/etc/passwd", USERS),
        ("/etc/group", GROUP),
        ("/etc/nsswitch.conf", NSSWITCH),
    )


def _hosts(pod: Pod, address: str, domain: str) -> str:
    full = fully_qualified(pod, domain)
    lines = [
        "# Kubernetes-managed hosts file.",
        "127.0.0.1\tlocalhost",
        "::1\tlocalhost ip6-localhost ip6-loopback",
        f"{address}\t{full + chr(9) if full else ''}{pod.host_name}",
    ]
    if pod.spec.host_aliases:
        lines += ["", "# Entries added by HostAliases."]
        lines += [f"{_word(alias.ip)}\t{' '.join(map(_word, alias.hostnames))}" for alias in pod.spec.host_aliases]
    return "\n".join(lines) + "\n"


def resolv_conf(pod: Pod, dns: DnsSettings) -> str:
    """The resolver's settings under the pod's dnsPolicy and dnsConfig."""
    servers: list[str] = []
    searches: list[str] = []
    options: list[str] = []
    if pod.spec.dns_policy in ("ClusterFirst", "ClusterFirstWithHostNet"):
        servers = [dns.server]
        searches = [f"{pod.namespace}.svc.{dns.domain}", f"svc.{dns.domain}", dns.domain]
        options = ["ndots:5"]
    elif pod.spec.dns_policy == "Default":
        servers = list(dns.upstream)
    more = pod.spec.dns_config
    servers += more.nameservers
    searches += more.searches
    given = [option.name if option.value is None else f"{option.name}:{option.value}" for option in more.options]
    replaced = {option.partition(":")[0] for option in given}
    options = [option for option in options if option.partition(":")[0] not in replaced] + given
    lines = [f"nameserver {_word(server)}" for server in _unique(servers)]
    lines += [f"search {' '.join(map(_word, _unique(searches)))}"] if searches else []
    lines += [f"options {' '.join(map(_word, options))}"] if options else []
    return "".join(f"{line}\n" for line in lines)


def _unique(items: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(items))


def _word(text: str) -> str:
    """Text from a manifest as one word of a line: no white space can begin a new entry."""
    return "".join(text.split())
