"""The files in a container's /etc."""

from __future__ import annotations

from typing import Any

from lateen.localcluster.pods import Pod, read_pod
from lateen.localcluster.pods_files import DnsSettings, etc_files, resolv_conf

DNS = DnsSettings("10.129.0.10", "cluster.local", ("192.0.2.53",))


def pod(**spec: Any) -> Pod:
    return read_pod({"metadata": {"name": "web-0", "namespace": "shop", "uid": "u"}, "spec": spec})


def test_names_resolve_as_in_a_cluster() -> None:
    assert resolv_conf(pod(), DNS) == (
        "nameserver 10.129.0.10\nsearch shop.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n"
    )
    assert resolv_conf(pod(dnsPolicy="Default"), DNS) == "nameserver 192.0.2.53\n"
    own = {"nameservers": ["192.0.2.1"], "searches": ["x.y"], "options": [{"name": "ndots", "value": "2"}]}
    assert (
        resolv_conf(pod(dnsPolicy="None", dnsConfig=own), DNS) == "nameserver 192.0.2.1\nsearch x.y\noptions ndots:2\n"
    )
    assert "options ndots:2\n" in resolv_conf(pod(dnsConfig=own), DNS)


def test_hosts_name_the_pod_and_its_aliases() -> None:
    aliases = [{"ip": "10.1.1.1", "hostnames": ["a", "b\n10.9.9.9 forged"]}]
    hosts = dict(etc_files(pod(subdomain="db", hostAliases=aliases), "10.128.1.1", DNS))["/etc/hosts"]

    assert "10.128.1.1\tweb-0.db.shop.svc.cluster.local\tweb-0\n" in hosts
    assert "10.1.1.1\ta b10.9.9.9forged\n" in hosts, "a line feed in a name begins no line"


def test_the_proxys_user_exists() -> None:
    assert "istio-proxy:x:1337:1337" in dict(etc_files(pod(), "10.128.1.1", DNS))["/etc/passwd"]
