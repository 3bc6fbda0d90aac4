"""The door of the agent: redirection in a real namespace, unusable settings, restarts."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lateen.adapters.agent.node_proxies import AgentError, NodeProxies
from lateen.adapters.node.namespaces import in_netns, make_namespaces, run_in, unpin
from lateen.adapters.tasks import Tasks
from tests.adapters.agent.mesh import CONTAINER, Mesh, free_port, pod, run

needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("iptables-restore") is None, reason="needs root and iptables"
)
INIT = {"args": ["istio-iptables", "-p", "15001", "-z", "15006", "-u", "1337", "-m", "REDIRECT", "-i", "*", "-b", "*"]}


def box(directory: Path, netns: str = "") -> Any:
    return SimpleNamespace(uid="u-1", directory=str(directory), netns=netns)


def own_port(given: dict[str, Any]) -> dict[str, Any]:
    """The pod with a status port that is free on this machine."""
    given["metadata"]["annotations"]["status.sidecar.istio.io/port"] = str(free_port())
    return given


def inode(path: str) -> int | None:
    """Which file is at `path`; None if there is none."""
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return None


@pytest.mark.root
@needs_root
def test_redirection_is_applied_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        netns = make_namespaces(tmp_path / "ns", ("net",))["net"]
        try:
            async with Tasks() as tasks:
                node = NodeProxies(Mesh().ports(tasks, in_netns=in_netns, run_in=run_in))
                first = await node.redirect(pod(), INIT, box(tmp_path, netns), {})
                again = await node.redirect(pod(), INIT, box(tmp_path, netns), {})
            saved = run_in(netns, ["iptables-save", "-t", "nat"]).out
        finally:
            unpin(netns)
        assert "ISTIO_REDIRECT" in first
        assert "already" in again
        assert saved.count("-A OUTPUT -j ISTIO_OUTPUT") == 1
        assert "-A ISTIO_IN_REDIRECT -p tcp -j REDIRECT --to-ports 15006" in saved

    run(scenario())


def test_unusable_redirection_is_the_pods_own_error(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Tasks() as tasks:
            node = NodeProxies(Mesh().ports(tasks))
            with pytest.raises(AgentError, match="-b"):
                await node.redirect(pod(), {"args": ["istio-iptables", "-b", "ssh"]}, box(tmp_path), {})
            assert "no redirection" in await node.redirect(
                pod(), {"args": ["istio-iptables", "-m", "NONE"]}, box(tmp_path), {}
            )

    run(scenario())


def test_unusable_settings_are_the_pods_own_error(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Tasks() as tasks:
            node = NodeProxies(Mesh().ports(tasks))
            for env in ({"PROXY_CONFIG": "{"}, {"SECRET_TTL": "soon"}, {"ISTIO_KUBE_APP_PROBERS": "["}):
                with pytest.raises(AgentError):
                    await node.prepare(own_port(pod()), CONTAINER, box(tmp_path), env)
            assert await node.not_ready("u-1") == "the pod has no proxy"

    run(scenario())


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    async def scenario() -> None:
        given = own_port(pod())
        async with Tasks() as tasks:
            node = NodeProxies(Mesh().ports(tasks))
            await node.prepare(given, CONTAINER, box(tmp_path / "a"), {})
            other = SimpleNamespace(uid="u-2", directory=str(tmp_path / "b"), netns="")
            with pytest.raises(AgentError, match="port"):
                await node.prepare(given, CONTAINER, other, {})
            await node.close()

    run(scenario())


def test_preparing_again_keeps_the_sockets(tmp_path: Path) -> None:
    async def scenario() -> None:
        given = own_port(pod())
        async with Tasks() as tasks:
            node = NodeProxies(Mesh().ports(tasks))
            launch = await node.prepare(given, CONTAINER, box(tmp_path), {})
            socket = os.path.join(launch.mounts[0][0], "socket")
            before = inode(socket)
            await node.prepare(given, CONTAINER, box(tmp_path), {})
            assert inode(socket) == before
            await node.adopt(given, CONTAINER, box(tmp_path), {"PROXY_CONFIG": '{"concurrency": 1}'})
            assert inode(socket) is not None
            assert "administration does not answer" in str(await node.not_ready("u-1"))
            await node.release("u-1")
            assert inode(socket) is None

    run(scenario())
