"""Addresses, names and rules of the mesh's network, as text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lateen.localcluster.network_plan import Backend, ServicePort, link_name, pod_address, pod_mac, rules_delta

ONE = ServicePort("10.129.0.5", "tcp", 80, (Backend("10.128.1.1", 8080),))
TWO = ServicePort("10.129.0.5", "tcp", 80, (Backend("10.128.1.1", 8080), Backend("10.128.1.2", 8080)))
NONE = ServicePort("10.129.0.5", "tcp", 80)


def table(*ports: ServicePort) -> dict[str, ServicePort]:
    return {port.chain: port for port in ports}


def test_a_new_service_gets_a_chain_before_it_is_named_in_the_map() -> None:
    lines = rules_delta({}, table(ONE)).splitlines()

    assert lines[0] == f"add chain ip lateen {ONE.chain}"
    assert "dnat to 10.128.1.1:8080" in lines[1]
    assert lines[2] == f"add element ip lateen services {{ 10.129.0.5 . tcp . 80 : goto {ONE.chain} }}"
    assert lines[3] == "add element ip lateen hairpins { 10.128.1.1 . 10.128.1.1 }"


def test_a_change_rewrites_one_chain_only() -> None:
    lines = rules_delta(table(ONE), table(TWO)).splitlines()

    assert lines[0] == f"flush chain ip lateen {ONE.chain}"
    assert "numgen random mod 2 map { 0 : 10.128.1.1 . 8080, 1 : 10.128.1.2 . 8080 }" in lines[1]
    assert len(lines) == 3
    assert rules_delta(table(TWO), table(TWO)) == ""


def test_a_service_without_endpoints_leaves_the_map_and_is_refused() -> None:
    lines = rules_delta(table(ONE), table(NONE)).splitlines()

    assert lines[0] == "delete element ip lateen services { 10.129.0.5 . tcp . 80 }"
    assert lines[2] == f"delete chain ip lateen {ONE.chain}"
    assert rules_delta({}, table(NONE)) == ""


def test_client_affinity_chooses_by_the_clients_address() -> None:
    sticky = ServicePort(TWO.address, "tcp", 80, TWO.backends, sticky=True)

    assert "jhash ip saddr mod 2 map" in rules_delta({}, table(sticky))


def test_names_fit_the_kernel_and_never_hold_text_from_manifests() -> None:
    name = link_name("lt49", "x; reboot " * 20)

    assert len(name) <= 15
    assert name.isalnum()
    assert pod_mac("10.128.1.2") == "0a:58:0a:80:01:02"


@given(st.sets(st.integers(0, 600), max_size=300), st.integers(0, 600))
def test_an_address_is_free_and_inside_the_range(taken: set[int], last: int) -> None:
    def address(number: int) -> str:
        return f"10.128.{1 + number // 254}.{1 + number % 254}"

    used = {address(number) for number in taken}
    found = pod_address("10.128.0.0/16", used, address(last))

    assert found not in used
    assert found.startswith("10.128.")
    assert not found.endswith((".0", ".255"))


def test_freed_addresses_rest_before_they_are_used_again() -> None:
    assert pod_address("10.128.0.0/16", (), "10.128.1.7") == "10.128.1.8"
    assert pod_address("10.128.0.0/16", (), "10.128.254.254") == "10.128.1.1", "round again"
    every = [f"10.128.{high}.{low}" for high in range(1, 255) for low in range(1, 255)]
    assert pod_address("10.128.0.0/16", every) == ""
