"""Logs, exec and proxy, with a stand-in for the node agent on its Unix socket."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aiohttp import WSMsgType, web

from tests.adapters.kube_serve.running_server import RunningServer

POD = """
apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {nodeName: relayed, containers: [{name: c, image: x}, {name: d, image: z}]}
"""


class StandIn:
    """A node agent that answers logs with what it was asked, and an exec with an echo."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def logs(self, request: web.Request) -> web.Response:
        self.asked.append(request.path_qs)
        if "nothing" in request.path:
            return web.Response(status=400, text='container "c" in pod "nothing" is waiting to start')
        return web.Response(text=f"log of {request.match_info['container']}\n")

    async def exec(self, request: web.Request) -> web.WebSocketResponse:
        self.asked.append(request.path_qs)
        socket = web.WebSocketResponse(protocols=["v5.channel.k8s.io"])
        await socket.prepare(request)
        if "input" in request.query:
            async for message in socket:
                assert message.type is WSMsgType.BINARY
                if message.data[:1] == b"\xff":
                    break
                await socket.send_bytes(b"\x01" + message.data[1:].upper())
        else:
            await socket.send_bytes(b"\x01" + " ".join(request.query.getall("command")).encode() + b"\n")
            await socket.send_bytes(b"\x02problem\n")
        cause = [{"reason": "ExitCode", "message": "3"}]
        status = {"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": cause}}
        await socket.send_bytes(b"\x03" + json.dumps(status).encode())
        await socket.close()
        return socket


@pytest.fixture(autouse=True)
def registered(server: RunningServer) -> None:
    """The pods' node exists, so that nobody collects them."""
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "relayed"}}
    server.kubectl("apply", "-f", "-", stdin=json.dumps(node))


@pytest.fixture
def node(server: RunningServer) -> Iterator[StandIn]:
    """A stand-in, listening; its event loop runs in a thread because kubectl blocks the test."""
    stand_in = StandIn()
    ready = threading.Event()
    stop: list[Callable[[], Any]] = []

    async def serve() -> None:
        app = web.Application()
        app.router.add_get("/containerLogs/{namespace}/{pod}/{container}", stand_in.logs)
        app.router.add_get("/{action:exec|attach}/{namespace}/{pod}/{container}", stand_in.exec)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.UnixSite(runner, server.instance.node_socket).start()
        done = asyncio.Event()
        loop = asyncio.get_running_loop()
        stop.append(lambda: loop.call_soon_threadsafe(done.set))
        ready.set()
        await done.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(10)
    yield stand_in
    stop[0]()
    thread.join(10)


def test_logs_come_from_the_node_with_their_options(server: RunningServer, namespace: str, node: StandIn) -> None:
    server.kubectl("-n", namespace, "create", "-f", "-", stdin=POD)

    assert server.kubectl("-n", namespace, "logs", "p", "-c", "d", "--tail=5", "--timestamps") == "log of d"
    assert node.asked == [f"/containerLogs/{namespace}/p/d?tailLines=5&timestamps=true"]


def test_a_container_must_be_named_when_there_are_several(server: RunningServer, namespace: str, node: StandIn) -> None:
    server.kubectl("-n", namespace, "create", "-f", "-", stdin=POD)

    assert "is not valid for pod p" in server.refused("-n", namespace, "logs", "p", "-c", "other")
    status, message = asyncio.run(_get(server, f"/api/v1/namespaces/{namespace}/pods/p/log"))
    assert (status, message) == (400, "a container name must be specified for pod p, choose one of: [c d]")


async def _get(server: RunningServer, path: str) -> tuple[int, str]:
    async with server.session() as session, session.get(path) as answer:
        return answer.status, (await answer.json())["message"]


def test_exec_carries_streams_and_the_exit_code(server: RunningServer, namespace: str, node: StandIn) -> None:
    server.kubectl("-n", namespace, "create", "-f", "-", stdin=POD)

    done = server.run("-n", namespace, "exec", "p", "-c", "c", "--", "echo", "a b", "c")

    assert (done.stdout, done.returncode) == ("echo a b c\n", 3)
    assert "problem" in done.stderr
    assert node.asked == [f"/exec/{namespace}/p/c?output=1&error=1&command=echo&command=a+b&command=c"]


def test_exec_with_standard_input(server: RunningServer, namespace: str, node: StandIn) -> None:
    server.kubectl("-n", namespace, "create", "-f", "-", stdin=POD)

    done = server.run("-n", namespace, "exec", "-i", "p", "-c", "c", "--", "upper", stdin="shout")

    assert done.stdout == "SHOUT"


def test_what_the_node_refuses_is_told_as_it_is(server: RunningServer, namespace: str, node: StandIn) -> None:
    server.kubectl("-n", namespace, "create", "-f", "-", stdin=POD.replace("name: p}", "name: nothing}"))

    assert "is waiting to start" in server.refused("-n", namespace, "logs", "nothing", "-c", "c")


def test_without_a_node_agent_the_message_says_so(server: RunningServer, namespace: str) -> None:
    server.kubectl("-n", namespace, "create", "-f", "-", stdin=POD)

    assert "the node agent does not answer" in server.refused("-n", namespace, "logs", "p", "-c", "c")


def test_G60_proxy_goes_to_the_pods_own_address_only(server: RunningServer, namespace: str) -> None:
    server.kubectl("-n", namespace, "create", "-f", "-", stdin=POD)
    assert "has no address of its own" in server.refused(
        "get", "--raw", f"/api/v1/namespaces/{namespace}/pods/p/proxy/x"
    )

    status = json.dumps({"status": {"podIP": "127.0.0.1"}})
    server.kubectl("-n", namespace, "patch", "pod", "p", "--subresource=status", "--type=merge", "-p", status)
    path = f"/api/v1/namespaces/{namespace}/pods/p:{server.instance.api_port}/proxy/version"
    assert "has no address of its own" in server.refused("get", "--raw", path)


def test_a_pod_that_is_nowhere_has_no_logs(server: RunningServer, namespace: str) -> None:
    nowhere = POD.replace("nodeName: relayed, ", "schedulerName: none, ")
    server.kubectl("-n", namespace, "create", "-f", "-", stdin=nowhere)

    assert "pod p does not have a host assigned" in server.refused("-n", namespace, "logs", "p", "-c", "c")
