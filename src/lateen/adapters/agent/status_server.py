"""Port 15020 inside a pod: readiness, merged metrics, the application's probes, drain and quit.

In: HTTP requests from the pod's own Envoy (15021 leads here), from the kubelet and from metrics collectors. Out: what
`lateen.agent` says. The rules: paths are Istio's; what changes something (`/quitquitquit`, `/drain`) is for the pod
itself only; a probe asks what the injector wrote down and nothing else.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from lateen.adapters.agent.grpc_probe import grpc_health
from lateen.adapters.agent.pod_http import PodHttp, PodHttpError
from lateen.agent.bootstrap import METRICS_PORT
from lateen.agent.metrics import MAX_BODY, Exposition, Target, merged
from lateen.agent.probes import AppProbe
from lateen.agent.readiness import STATS_FILTER, not_ready_reason

log = logging.getLogger(__name__)

SCRAPE_TIMEOUT = 10.0
ADMIN_TIMEOUT = 2.0
MAX_PROBE_BODY = 10 * 1024
MAX_HEADERS = 16 * 1024


@dataclass(frozen=True)
class Served:
    """What one pod's status server knows: how to reach into the pod, and what the injector wrote down."""

    name: str
    pod: PodHttp
    pod_ip: str
    admin_port: int
    probes: Mapping[str, AppProbe]
    targets: tuple[Target, ...]
    expires: Callable[[], datetime | None]
    metrics_port: int = METRICS_PORT


class StatusServer:
    """One pod's server. `start` it on listening sockets made in the pod's network, `close` it."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._runner: web.AppRunner | None = None
        self._ready = False
        self._scrapes = 0
        self._failed_scrapes = 0

    async def start(self, listening: socket.socket) -> None:
        """Serves on `listening`."""
        app = web.Application(client_max_size=1024)
        app.router.add_get("/healthz/ready", self._healthz)
        app.router.add_get("/stats/prometheus", self._stats)
        app.router.add_get("/app-health/{container}/{probe}", self._app_probe)
        app.router.add_get("/app-lifecycle/{container}/{probe}", self._app_probe)
        app.router.add_post("/quitquitquit", self._quit)
        app.router.add_post("/drain", self._drain)
        runner = web.AppRunner(app, access_log=None, max_field_size=MAX_HEADERS, handler_cancellation=True)
        await runner.setup()
        await web.SockSite(runner, listening).start()
        self._runner = runner

    async def close(self) -> None:
        """Stops serving at once."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def proxy_restarted(self) -> None:
        """A new Envoy has to prove itself again."""
        self._ready = False

    async def not_ready(self) -> str | None:
        """None if the proxy is ready, else why not. Once ready stays ready for the life of that Envoy."""
        if self._ready:
            return None
        try:
            answer = await self.admin("GET", f"/stats?filter={STATS_FILTER.replace('|', '%7C')}")
        except PodHttpError as error:
            return f"the proxy's administration does not answer: {error}"
        reason = not_ready_reason(answer.body.decode(errors="replace"))
        self._ready = reason is None
        return reason

    async def admin(self, method: str, path: str) -> Exposition:
        """A request to Envoy's administration. Raises `PodHttpError`."""
        served = self._served
        answer = await served.pod.request(
            method, f"http://127.0.0.1:{served.admin_port}{path}", timeout=ADMIN_TIMEOUT, limit=MAX_BODY
        )
        return Exposition(answer.body, answer.content_type)

    async def _healthz(self, _request: web.Request) -> web.Response:
        reason = await self.not_ready()
        return web.Response(status=200) if reason is None else web.Response(status=503, text=f"{reason}\n")

    async def _stats(self, _request: web.Request) -> web.Response:
        self._scrapes += 1
        served = self._served
        proxy_url = f"http://127.0.0.1:{served.metrics_port}/stats/prometheus"
        urls = [proxy_url] + [f"http://{served.pod_ip}:{target.port}{target.path}" for target in served.targets]
        proxy, *application = await asyncio.gather(*(self._scrape(url) for url in urls))
        own = [self._own_metrics(), proxy.body if proxy else b""]
        whole = merged(own, [part for part in application if part])
        return web.Response(body=whole.body, headers={"content-type": whole.content_type})

    async def _scrape(self, url: str) -> Exposition | None:
        headers = {"accept": "application/openmetrics-text;q=0.5,text/plain;version=0.0.4;q=0.9"}
        try:
            answer = await self._served.pod.request("GET", url, timeout=SCRAPE_TIMEOUT, headers=headers, limit=MAX_BODY)
        except PodHttpError as error:
            self._failed_scrapes += 1
            log.warning("%s: metrics left out: %s", self._served.name, error)
            return None
        return Exposition(answer.body, answer.content_type) if answer.status == 200 else None

    def _own_metrics(self) -> bytes:
        lines = [
            "# TYPE istio_agent_scrapes_total counter",
            f"istio_agent_scrapes_total {self._scrapes}",
            "# TYPE istio_agent_scrape_failures_total counter",
            f"istio_agent_scrape_failures_total {self._failed_scrapes}",
        ]
        expires = self._served.expires()
        if expires is not None:
            lines.append("# TYPE istio_agent_cert_expiry_timestamp_seconds gauge")
            lines.append(f"istio_agent_cert_expiry_timestamp_seconds {expires.timestamp():.0f}")
        return "".join(f"{line}\n" for line in lines).encode()

    async def _app_probe(self, request: web.Request) -> web.Response:
        probe = self._served.probes.get(request.path)
        if probe is None:
            return web.Response(status=404, text=f"no probe is known for {request.path[:200]}\n")
        try:
            return await self._run(probe)
        except PodHttpError as error:
            return web.Response(status=500, text=f"{error}\n")

    async def _run(self, probe: AppProbe) -> web.Response:
        pod, host = self._served.pod, self._served.pod_ip
        if probe.kind == "tcp":
            await pod.connect(host, probe.port, probe.timeout)
            return web.Response(status=200)
        if probe.kind == "grpc":
            await grpc_health(pod, host, probe.port, probe.service, probe.timeout)
            return web.Response(status=200)
        url = f"{probe.scheme}://{host}:{probe.port}{probe.path}"
        headers = {"user-agent": "kube-probe/1.32", **dict(probe.headers)}
        answer = await pod.request("GET", url, timeout=probe.timeout, headers=headers, limit=MAX_BODY)
        return web.Response(status=answer.status, body=answer.body[:MAX_PROBE_BODY])

    async def _quit(self, request: web.Request) -> web.Response:
        return await self._for_the_pod_only(request, "/quitquitquit")

    async def _drain(self, request: web.Request) -> web.Response:
        return await self._for_the_pod_only(request, "/drain_listeners?inboundonly&graceful")

    async def _for_the_pod_only(self, request: web.Request, path: str) -> web.Response:
        if not ipaddress.ip_address(request.remote or "0.0.0.0").is_loopback:
            return web.Response(status=403, text="Only requests from localhost are allowed\n")
        try:
            await self.admin("POST", path)
        except PodHttpError as error:
            return web.Response(status=503, text=f"{error}\n")
        return web.Response(text="OK")
