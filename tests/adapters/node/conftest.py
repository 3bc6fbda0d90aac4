"""A small mesh network for tests that need root; its number is one that no user's mesh gets."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lateen.adapters.node.cleanup import Leftovers, clean
from lateen.adapters.node.meshnet import MeshNetwork, open_mesh
from lateen.localcluster.network_plan import MeshPlan

NUMBER = 49


def plan(number: int = NUMBER) -> MeshPlan:
    pods, services = 128 + 2 * number, 129 + 2 * number
    return MeshPlan(
        prefix=f"lt{number}",
        netns=f"lt{number}-mesh",
        pod_cidr=f"10.{pods}.0.0/16",
        service_cidr=f"10.{services}.0.0/16",
        gateway=f"10.{pods}.0.1",
        host_address=f"10.{pods}.255.1",
        mesh_address=f"10.{pods}.255.2",
        dns_address=f"10.{services}.0.10",
        kubernetes_address=f"10.{services}.0.1",
        api_port=6443,
    )


def facts(directory: Path, number: int = NUMBER) -> Leftovers:
    """What a test's mesh may leave."""
    prefix = f"lt{number}"
    return Leftovers(str(directory), prefix=prefix, mesh_netns=f"{prefix}-mesh", cgroup=f"lateen-test-{prefix}")


@pytest.fixture
def run_dir() -> Iterator[Path]:
    if os.geteuid() != 0 or shutil.which("nft") is None:
        pytest.skip("needs root and nft")
    directory = Path(tempfile.mkdtemp(prefix="lateen-test-", dir="/run"))
    leftovers = facts(directory)
    clean(leftovers)
    directory.mkdir(exist_ok=True)
    yield directory
    assert clean(leftovers) == ()


@pytest.fixture
def mesh(run_dir: Path) -> Iterator[MeshNetwork]:
    network = open_mesh(plan(), run_dir)
    yield network
    network.close()
