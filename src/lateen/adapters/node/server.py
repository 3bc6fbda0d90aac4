"""The node agent's own HTTP interface on a Unix socket: logs, exec and attach, as the kubelet offers them.

In: requests of the API server, which has authenticated and authorized them. Out: streams. Rule: the socket is root's
alone (mode 0600); every refusal is plain text that the API server hands on.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from lateen.adapters.clock import Clock
from lateen.adapters.node.attachserve import Attached, serve_attach
from lateen.adapters.node.containerrun import ContainerRun
from lateen.adapters.node.context import NodeContext
from lateen.adapters.node.execserve import ExecRequest, serve_exec
from lateen.adapters.node.logserve import LogRequest, read_log
from lateen.adapters.node.namespaces import NodeError
from lateen.adapters.node.podworker import PodWorker
from lateen.adapters.node.preparing import container_directory
from lateen.localcluster.logs import Selection, read_time

__all__ = ["NodeServer"]

Find = Callable[[str, str], PodWorker | None]
_YOUNG = 10.0  # seconds during which whoever attaches also sees what came before
_PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")


class NodeServer:
    """Serves the socket. `find(namespace, name)` gives a pod's worker."""

    def __init__(self, context: NodeContext, find: Find) -> None:
        self._context = context
        self._find = find
        self._runner: web.AppRunner | None = None

    async def start(self, path: Path) -> None:
        app = web.Application()
        app.router.add_get("/containerLogs/{namespace}/{pod}/{container}", self._logs)
        app.router.add_get("/exec/{namespace}/{pod}/{container}", self._exec)
        app.router.add_get("/attach/{namespace}/{pod}/{container}", self._attach)
        app.router.add_get("/healthz", self._health)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        before = os.umask(0o177)
        try:
            await web.UnixSite(self._runner, str(path)).start()
        finally:
            os.umask(before)

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _health(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok")

    def _container(self, request: web.Request) -> tuple[PodWorker, ContainerRun]:
        match = request.match_info
        worker = self._find(match["namespace"], match["pod"])
        if worker is None:
            raise web.HTTPNotFound(text=f"pod {match['namespace']}/{match['pod']} is not on this node")
        run = worker.runs.get(match["container"])
        if run is None:
            raise web.HTTPBadRequest(text=_waiting(match["container"], match["pod"], "ContainerCreating"))
        return worker, run

    async def _logs(self, request: web.Request) -> web.StreamResponse:
        worker, run = self._container(request)
        query, name = request.query, run.container.name
        previous = query.get("previous") in ("true", "1")
        attempt = run.state.attempt - 1 if previous else run.state.attempt
        if attempt < 0:
            if previous:
                text = f'previous terminated container "{name}" in pod "{worker.pod.name}" not found'
                raise web.HTTPBadRequest(text=text)
            raise web.HTTPBadRequest(text=_waiting(name, worker.pod.name, run.state.reason or "PodInitializing"))
        directory = container_directory(self._context, worker.pod, name)
        try:
            wanted = _selection(request, self._context.clock)
        except ValueError as error:
            raise web.HTTPBadRequest(text=f"bad log option: {error}") from error
        follow = query.get("follow") in ("true", "1") and not previous
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            async for piece in read_log(self._context.logs, LogRequest(directory, attempt, wanted, follow)):
                await response.write(piece)
            await response.write_eof()
        return response

    async def _exec(self, request: web.Request) -> web.WebSocketResponse:
        worker, run = self._container(request)
        query = request.query
        asked = ExecRequest(
            command=tuple(query.getall("command", [])),
            stdin=_is_on(request, "input"),
            stdout=_is_on(request, "output"),
            stderr=_is_on(request, "error"),
            tty=_is_on(request, "tty"),
        )
        if not asked.command:
            raise web.HTTPBadRequest(text="you must specify at least one command")
        try:
            inside = run.inside()
        except NodeError as error:
            text = f'container "{run.container.name}" in pod "{worker.pod.name}" is not running'
            raise web.HTTPBadRequest(text=text) from error
        socket = web.WebSocketResponse(protocols=_PROTOCOLS, max_msg_size=8 << 20, compress=False)
        await socket.prepare(request)
        await serve_exec(socket, asked, inside, self._context.cgroups, self._context.tasks)
        return socket

    async def _attach(self, request: web.Request) -> web.WebSocketResponse:
        worker, run = self._container(request)
        socket = web.WebSocketResponse(protocols=_PROTOCOLS, compress=False)
        await socket.prepare(request)
        directory = container_directory(self._context, worker.pod, run.container.name)
        young = self._context.clock.now() - run.state.started_at < _YOUNG
        log = LogRequest(directory, max(0, run.state.attempt), Selection(tail=-1 if young else 0), follow=True)
        attached = Attached(
            run.console if _is_on(request, "input") or run.container.tty else None, log, run.container.stdin_once
        )
        await serve_attach(socket, attached, self._context.logs, self._context.tasks)
        return socket


def _is_on(request: web.Request, name: str) -> bool:
    return request.query.get(name) in ("1", "true")


def _selection(request: web.Request, clock: Clock) -> Selection:
    """The log options of the query. Raises `ValueError`."""
    query = request.query
    since = 0.0
    if "sinceSeconds" in query:
        since = clock.now() - int(query["sinceSeconds"])
    elif "sinceTime" in query:
        since = read_time(query["sinceTime"].encode())
    return Selection(
        timestamps=query.get("timestamps") in ("true", "1"),
        since=since,
        tail=int(query["tailLines"]) if "tailLines" in query else -1,
        limit=int(query["limitBytes"]) if "limitBytes" in query else -1,
    )


def _waiting(container: str, pod: str, reason: str) -> str:
    return f'container "{container}" in pod "{pod}" is waiting to start: {reason}'
