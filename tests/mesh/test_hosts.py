"""Names of hosts and clusters."""

import pytest

from lateen.mesh.hosts import (
    bracketed,
    covers,
    is_cidr,
    is_ip,
    overlaps,
    parse_subset_key,
    qualify,
    sni_key,
    subset_key,
)


@pytest.mark.parametrize(
    ("written", "full"),
    [
        ("reviews", "reviews.prod.svc.cluster.local"),
        ("Reviews", "reviews.prod.svc.cluster.local"),
        ("reviews.other", "reviews.other"),
        ("example.com", "example.com"),
        ("*", "*"),
        ("*.example.com", "*.example.com"),
    ],
)
def test_only_a_name_without_dots_is_completed(written: str, full: str) -> None:
    assert qualify(written, "prod", "cluster.local") == full


@pytest.mark.parametrize(
    ("pattern", "host", "covered"),
    [
        ("*", "a.com", True),
        ("*.a.com", "x.a.com", True),
        ("*.a.com", "a.com", False),
        ("*.a.com", "*.b.a.com", True),
        ("a.com", "a.com", True),
        ("a.com", "*.com", False),
    ],
)
def test_a_wildcard_covers_names_below_it(pattern: str, host: str, covered: bool) -> None:
    assert covers(pattern, host) is covered


def test_patterns_overlap_in_either_direction() -> None:
    assert overlaps("*.com", "a.com")
    assert overlaps("a.com", "*.com")
    assert not overlaps("*.org", "a.com")


def test_cluster_names_are_istios_and_can_be_read_back() -> None:
    name = subset_key("outbound", "v1", "a.b.svc.cluster.local", 80)

    assert name == "outbound|80|v1|a.b.svc.cluster.local"
    assert sni_key("outbound", "v1", "a.b", 80) == "outbound_.80_.v1_.a.b"
    assert parse_subset_key(name) == ("outbound", 80, "v1", "a.b.svc.cluster.local")
    assert parse_subset_key("PassthroughCluster") is None
    assert parse_subset_key("outbound|x||a") is None


def test_addresses_and_ranges() -> None:
    assert is_ip("10.0.0.1")
    assert is_ip("2001:db8::1")
    assert not is_ip("10.0.0.0/8")
    assert is_cidr("10.0.0.0/8")
    assert not is_cidr("10.0.0.1")
    assert not is_cidr("a/b")
    assert (bracketed("2001:db8::1"), bracketed("10.0.0.1")) == ("[2001:db8::1]", "10.0.0.1")
