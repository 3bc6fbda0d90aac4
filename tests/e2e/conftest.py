"""End-to-end tests need root, a Linux with network namespaces, kubectl, curl and tcpdump, and the seed manifests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.harness import MANIFESTS, SHARED, Mesh, manifest

NEEDED = ("kubectl", "curl", "tcpdump", "nsenter")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    reason = _why_not()
    for item in items:
        if "tests/e2e/" not in item.nodeid:
            continue
        item.add_marker(pytest.mark.e2e)
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))


def _why_not() -> str:
    if os.environ.get("CI") and not (SHARED.is_dir() and os.geteuid() == 0):
        raise pytest.UsageError(f"continuous integration must run as root with {SHARED} in place")
    if os.geteuid() != 0:
        return "needs root for network namespaces"
    if not MANIFESTS.is_dir():
        return f"needs the seed manifests in {MANIFESTS} (set LATEEN_SHARED)"
    missing = [program for program in NEEDED if shutil.which(program) is None]
    return f"needs {', '.join(missing)}" if missing else ""


@pytest.fixture(scope="module")
def mesh(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """A fresh mesh per test file, with the namespace `default` injected. `UP` in the test file adds arguments."""
    name = "e2e-" + Path(str(request.path)).stem.removeprefix("test_").replace("_", "-")[:20].strip("-")
    found = Mesh(name, tmp_path_factory.mktemp("state"))
    try:
        found.lateen("up", "--detach", *getattr(request.module, "UP", ()))
        found.kubectl("label", "namespace", "default", "istio-injection=enabled", "--overwrite")
        yield found
    finally:
        found.lateen("down", "--purge", check=False)


@pytest.fixture(scope="module")
def shop(mesh: Mesh) -> Mesh:
    """The mesh with both versions of go-multiroute, its Service and the client, as the guide deploys them."""
    mesh.apply(manifest("base_manifest"), manifest("expose_manifest/service.yaml"))
    mesh.apply(manifest("istio_manifest/istio_client_test.yaml"))
    mesh.rollout("go-multiroute", "go-multiroute-v2", "istio-client-test")
    mesh.in_sync()
    return mesh
