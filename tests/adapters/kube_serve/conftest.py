"""One API server for the tests of this folder, and a namespace for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.adapters.kube_serve.running_server import RunningServer

NUMBERS = count(1)


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    server = RunningServer(tmp_path_factory.mktemp("apiserver"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def server(shared_server: RunningServer) -> RunningServer:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    return shared_server


@pytest.fixture
def namespace(server: RunningServer) -> str:
    name = f"test-{next(NUMBERS)}"
    server.kubectl("create", "namespace", name)
    return name


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RunningServer]:
    """A server that the test may kill."""
    server = RunningServer(tmp_path)
    server.start()
    yield server
    if server.process is not None and server.process.poll() is None:
        server.kill()
