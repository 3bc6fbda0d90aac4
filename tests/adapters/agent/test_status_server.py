"""Port 15020: readiness, merged metrics, probes, and what only the pod itself may do."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import aiohttp
import grpc
from aiohttp import web

from lateen.adapters.agent.pod_http import PodHttp
from lateen.adapters.agent.status_server import Served, StatusServer
from lateen.agent.metrics import Target
from lateen.agent.probes import AppProbe
from tests.adapters.agent.mesh import run

Asked = list[str]
READY = (
    "cluster_manager.cds.update_success: 1\nlistener_manager.lds.update_success: 1\n"
    "listener_manager.workers_started: 1\nserver.state: 0\n"
)


class Pod:
    """A pod: Envoy's administration, its metrics, an application; all on ports of this machine."""

    def __init__(self) -> None:
        self.stats = ""
        self.asked: Asked = []
        self._runners: list[web.AppRunner] = []

    async def serve(self, answer: Callable[[web.Request], Awaitable[web.Response]]) -> int:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self._runners.append(runner)
        return int(runner.addresses[0][1])

    async def admin(self, request: web.Request) -> web.Response:
        self.asked.append(f"{request.method} {request.path_qs}")
        return web.Response(text=self.stats)

    async def application(self, request: web.Request) -> web.Response:
        if request.path == "/metrics":
            return web.Response(text="app_total 3\n")
        if request.path == "/moved":
            return web.Response(status=302, headers={"location": "http://169.254.169.254/"})
        return web.Response(status=200 if request.headers.get("x") == "y" else 418)

    async def close(self) -> None:
        for runner in self._runners:
            await runner.cleanup()


def listening() -> socket.socket:
    made = socket.socket()
    made.bind(("127.0.0.1", 0))
    made.listen()
    return made


async def with_server(scenario: Callable[[Pod, StatusServer, Callable[..., Any]], Awaitable[None]]) -> None:
    pod = Pod()
    admin, app = await pod.serve(pod.admin), await pod.serve(pod.application)
    metrics = await pod.serve(pod.admin)
    http = PodHttp(socket.socket)
    probes = {
        "/app-health/app/livez": AppProbe("http", app, path="/", headers=(("x", "y"),)),
        "/app-health/app/readyz": AppProbe("http", app, path="/moved"),
        "/app-health/app/startupz": AppProbe("tcp", app),
        "/app-health/dead/livez": AppProbe("tcp", 1),
        "/app-health/dead/readyz": AppProbe("http", 1),
    }
    served = Served(
        "shop/web", http, "127.0.0.1", admin, probes, (Target(app),), lambda: datetime(2030, 1, 1, tzinfo=UTC), metrics
    )
    server = StatusServer(served)
    own = listening()
    await server.start(own)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{own.getsockname()[1]}") as client:

        async def ask(path: str, method: str = "GET") -> tuple[int, str]:
            async with client.request(method, path, allow_redirects=False) as answer:
                return answer.status, await answer.text()

        await scenario(pod, server, ask)
    await server.close()
    await http.close()
    await pod.close()


def test_readiness_follows_envoy_and_stays() -> None:
    async def scenario(pod: Pod, server: StatusServer, ask: Callable[..., Any]) -> None:
        status, text = await ask("/healthz/ready")
        assert (status, "config not received" in text) == (503, True)
        pod.stats = READY
        assert (await ask("/healthz/ready"))[0] == 200
        pod.stats = ""
        assert (await ask("/healthz/ready"))[0] == 200
        server.proxy_restarted()
        assert (await ask("/healthz/ready"))[0] == 503

    run(with_server(scenario))


def test_merged_metrics_hold_all_three() -> None:
    async def scenario(pod: Pod, _server: StatusServer, ask: Callable[..., Any]) -> None:
        pod.stats = "envoy_total 2\n"
        _, text = await ask("/stats/prometheus")
        assert "istio_agent_scrapes_total 1" in text
        assert text.index("envoy_total 2") < text.index("app_total 3")

    run(with_server(scenario))


def test_a28_probes_ask_the_application() -> None:
    async def scenario(_pod: Pod, _server: StatusServer, ask: Callable[..., Any]) -> None:
        assert (await ask("/app-health/app/livez"))[0] == 200
        assert (await ask("/app-health/app/startupz"))[0] == 200
        assert (await ask("/app-health/dead/livez"))[0] == 500
        assert (await ask("/app-health/dead/readyz"))[0] == 500
        assert (await ask("/app-health/unknown/livez"))[0] == 404

    run(with_server(scenario))


def test_redirects_of_the_application_are_not_followed() -> None:
    async def scenario(_pod: Pod, _server: StatusServer, ask: Callable[..., Any]) -> None:
        assert (await ask("/app-health/app/readyz"))[0] == 302

    run(with_server(scenario))


def test_drain_and_quit_reach_envoy() -> None:
    async def scenario(pod: Pod, _server: StatusServer, ask: Callable[..., Any]) -> None:
        assert (await ask("/drain", "POST"))[0] == 200
        assert (await ask("/quitquitquit", "POST"))[0] == 200
        assert pod.asked == ["POST /drain_listeners?inboundonly&graceful", "POST /quitquitquit"]
        assert (await ask("/quitquitquit"))[0] == 405

    run(with_server(scenario))


def test_a28_grpc_probe() -> None:
    async def health(payload: bytes, _context: Any) -> bytes:
        return b"\x08\x01" if payload == b"\x0a\x04good" else b"\x08\x02"

    async def scenario() -> None:
        server = grpc.aio.server()
        handler: Any = grpc.unary_unary_rpc_method_handler(health)
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": handler}),)
        )
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        probes = {
            "/app-health/a/livez": AppProbe("grpc", port, service="good"),
            "/app-health/a/readyz": AppProbe("grpc", port, service="bad"),
            "/app-health/a/startupz": AppProbe("grpc", 1),
        }
        http = PodHttp(socket.socket)
        status = StatusServer(Served("shop/web", http, "127.0.0.1", 1, probes, (), lambda: None))
        own = listening()
        await status.start(own)
        async with aiohttp.ClientSession(f"http://127.0.0.1:{own.getsockname()[1]}") as client:
            answers = await asyncio.gather(*(client.get(path) for path in probes))
            assert [answer.status for answer in answers] == [200, 500, 500]
            for answer in answers:
                answer.close()
        await status.close()
        await http.close()
        await server.stop(None)

    run(scenario())
