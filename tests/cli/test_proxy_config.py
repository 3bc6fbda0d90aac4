"""Parts of a config dump become istioctl's rows."""

from __future__ import annotations

import pytest

from lateen.cli.output import table
from lateen.cli.proxy_config.cluster import parse, row
from lateen.cli.proxy_config.listener import destination, match, path_of
from lateen.cli.proxy_config.log import query
from lateen.cli.proxy_config.route import describe_domains


def test_columns_are_as_wide_as_their_longest_cell_and_the_last_is_not_padded() -> None:
    assert table(("A", "LONG", "B"), [("xyz", "1", ""), ("x", "22222", "end")]) == (
        "A       LONG      B\nxyz     1         \nx       22222     end\n"
    )


def test_a_clusters_name_has_four_parts_or_is_a_host() -> None:
    made = {"name": "outbound|3000|v1|a.default.svc.cluster.local", "type": "EDS"}
    made["metadata"] = {
        "filter_metadata": {"istio": {"config": "/apis/networking.istio.io/v1/namespaces/default/destination-rule/a"}}
    }

    assert row(made) == ("a.default.svc.cluster.local", "3000", "v1", "outbound", "EDS", "a.default")
    assert row({"name": "agent", "type": "STATIC"}) == ("agent", "-", "-", "-", "STATIC", "")
    assert sorted(["outbound|443||a", "outbound|80||a", "agent"], key=parse) == [
        "outbound|80||a",
        "outbound|443||a",
        "agent",
    ]


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ({}, "ALL"),
        ({"server_names": ["a", "b"]}, "SNI: a,b"),
        ({"transport_protocol": "tls", "application_protocols": ["istio"]}, "Trans: tls; App: istio"),
        (
            {"prefix_ranges": [{"address_prefix": "10.0.0.1", "prefix_len": 32}], "destination_port": 80},
            "Addr: 10.0.0.1:80",
        ),
        ({"prefix_ranges": [{"address_prefix": "0.0.0.0", "prefix_len": 0}]}, "Addr: 0.0.0.0/0"),
        ({"destination_port": 80}, "Addr: *:80"),
    ],
)
def test_what_a_filter_chain_matches(condition: dict, words: str) -> None:
    assert match(condition) == words


def test_where_a_filter_chain_leads() -> None:
    manager = {"@type": "x/envoy.HttpConnectionManager", "rds": {"route_config_name": "80"}}
    inline = {
        "@type": "x/envoy.HttpConnectionManager",
        "route_config": {"virtual_hosts": [{"routes": [{"match": {"prefix": "/ready"}}]}]},
    }
    tcp = {"@type": "x/envoy.TcpProxy", "weighted_clusters": {"clusters": [{"name": "a"}, {"name": "b"}]}}

    assert [destination({"filters": [{"typed_config": each}]}) for each in (manager, inline, tcp)] == [
        "Route: 80",
        "Inline Route: /ready*",
        "Cluster: a,b",
    ]


def test_paths_of_every_kind() -> None:
    kinds = ({"prefix": "/a"}, {"path": "/a"}, {"path_separated_prefix": "/a"}, {"safe_regex": {"regex": "a+"}})

    assert [path_of(kind) for kind in kinds] == ["/a*", "/a", "PathPrefix:/a", "regex a+"]


@pytest.mark.parametrize(
    ("domains", "shown"),
    [
        ([], ""),
        (["example.com", "example.com:8080", "1.2.3.4", "1.2.3.4:8080"], "example.com, 1.2.3.4"),
        (["example.com", "example.com:8080", "[fd00::1]", "[fd00::1]:8080"], "example.com, [fd00::1]"),
        (["a", "a:80", "b", "b:80", "c", "c:80"], "a, b + 1 more..."),
        (["only:80"], "only:80"),
    ],
)
def test_domains_are_shown_without_their_port_twins(domains: list[str], shown: str) -> None:
    assert describe_domains(domains) == shown


def test_log_levels_become_envoys_query() -> None:
    assert query("") == ""
    assert query("debug") == "?level=debug"
    assert query("http:debug,pool:info") == "?paths=http:debug,pool:info"
