"""One description of a mesh: numbers become addresses and names that never overlap."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest

from lateen.app import instance as instances
from lateen.app.instance import MAX_INSTANCES, HostPort, Instance, InstanceError


def make(index: int, **more) -> Instance:
    return Instance(name="m", index=index, state_dir="/s", run_dir="/r", api_port=6443, **more)


def test_G62_two_meshes_share_no_address() -> None:
    networks = [
        ipaddress.ip_network(cidr) for i in range(MAX_INSTANCES) for cidr in (make(i).pod_cidr, make(i).service_cidr)
    ]

    assert len(set(networks)) == 2 * MAX_INSTANCES
    assert not any(a.overlaps(b) for a in networks for b in networks if a is not b)


def test_well_known_addresses_lie_in_their_ranges() -> None:
    mesh = make(3)

    assert (mesh.pod_cidr, mesh.service_cidr) == ("10.134.0.0/16", "10.135.0.0/16")
    assert mesh.contains(mesh.dns_address)
    assert mesh.contains(mesh.kubernetes_address)
    assert mesh.contains(mesh.host_address)
    assert not mesh.contains("192.0.2.1")


def test_link_names_fit_the_kernels_limit() -> None:
    assert len(make(MAX_INSTANCES - 1).link_prefix + "x" * 10) <= 15


@pytest.mark.parametrize("name", ["", "../x", "/etc", "A", "a" * 33, "-a", "a-", "a b", "a/b", "x\n", "é"])
def test_G62_a_name_that_could_be_a_path_or_an_option_is_refused(name: str) -> None:
    with pytest.raises(InstanceError, match="mesh name"):
        instances.check_name(name)


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    mesh = Instance(
        name="m",
        index=1,
        state_dir=str(tmp_path),
        run_dir="/r",
        api_port=1,
        host_ports=(HostPort(host_port=8080, namespace="n", service="s", port=80),),
    )

    path = instances.save(mesh)

    assert instances.load(path) == mesh
    assert [p.name for p in tmp_path.iterdir()] == ["mesh.json"]


def test_a_missing_or_broken_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match="start one with `lateen up`"):
        instances.load(tmp_path / "mesh.json")
    (tmp_path / "mesh.json").write_text("{")
    with pytest.raises(InstanceError, match="not a mesh description"):
        instances.load(tmp_path / "mesh.json")
