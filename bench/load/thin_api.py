"""A fake API server: lists, watches and a few writes over plain HTTP, without rules, storage or controllers.

In: objects and edits of them. Out: what a control plane needs to run. Rule: it is fast and does nothing of its own, so
what is measured is the control plane; that it is a fake is in its name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import msgspec
from aiohttp import web

from bench.load.edits import Put, Step
from bench.load.world import Key, Object, key_of
from lateen.adapters.http.paths import path_of
from lateen.resources.kinds import KINDS, Kind


class _Shelf:
    """The objects of one kind, and what happened to them."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.objects: dict[Key, Object] = {}
        self.log: list[tuple[int, bytes]] = []
        self.changed = asyncio.Event()

    def tell(self, version: int, sort: str, obj: Object) -> None:
        self.log.append((version, msgspec.json.encode({"type": sort, "object": obj}) + b"\n"))
        self.changed.set()


class FakeApiServer:
    """See the module's docstring."""

    def __init__(self, objects: Iterable[Object]) -> None:
        self._version = 1
        self._by_kind = {kind.kind: _Shelf(kind) for kind in KINDS}
        self._by_path = {path_of(shelf.kind): shelf for shelf in self._by_kind.values()}
        self._runner: web.AppRunner | None = None
        self._closing = False
        for obj in objects:
            self._store(obj)

    async def serve(self) -> str:
        """Start on a free port of the loopback; returns the URL."""
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async def close(self) -> None:
        """End all watches and stop serving."""
        self._closing = True
        for shelf in self._by_kind.values():
            shelf.changed.set()
        if self._runner is not None:
            await self._runner.cleanup()

    def do(self, steps: Iterable[Step]) -> None:
        """Make changes and tell the watchers."""
        for step in steps:
            if isinstance(step, Put):
                self._put(step.object)
            else:
                shelf = self._by_kind[step.key[0]]
                gone = shelf.objects.pop(step.key)
                self._version += 1
                shelf.tell(self._version, "DELETED", gone)

    def _put(self, obj: Object) -> Object:
        shelf = self._by_kind[obj["kind"]]
        sort = "MODIFIED" if key_of(obj) in shelf.objects else "ADDED"
        stored = self._store(obj)
        shelf.tell(self._version, sort, stored)
        return stored

    def _store(self, obj: Object) -> Object:
        self._version += 1
        stored = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self._version)}}
        self._by_kind[obj["kind"]].objects[key_of(obj)] = stored
        return stored

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        shelf = self._by_path.get(request.path)
        if request.method == "GET" and shelf is not None:
            if request.query.get("watch") == "true":
                return await self._watch(request, shelf)
            return _json(200, self._page(shelf, request.query))
        return await self._object(request)

    def _page(self, shelf: _Shelf, query: Any) -> Object:
        start, limit = int(query.get("continue", "0")), int(query.get("limit", "500"))
        every = list(shelf.objects.values())
        meta = {"resourceVersion": str(self._version)}
        if start + limit < len(every):
            meta["continue"] = str(start + limit)
        kind = shelf.kind
        items = every[start : start + limit]
        return {"apiVersion": kind.api_version, "kind": kind.list_kind, "metadata": meta, "items": items}

    async def _watch(self, request: web.Request, shelf: _Shelf) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        since, position = int(request.query["resourceVersion"]), 0
        while not self._closing:
            shelf.changed.clear()
            news = [line for version, line in shelf.log[position:] if version > since]
            position = len(shelf.log)
            if news:
                await response.write(b"".join(news))
            await shelf.changed.wait()
        return response

    async def _object(self, request: web.Request) -> web.Response:
        """Reads and writes of one object, by the few ways that a control plane uses."""
        kind, namespace, name = self._address(request.path)
        shelf = self._by_kind.get(kind)
        if shelf is None:
            return _refusal(404, f"no such path: {request.path}")
        found = shelf.objects.get((kind, namespace, name))
        if request.method == "POST":
            body = msgspec.json.decode(await request.read())
            if key_of(body) in shelf.objects:
                return _refusal(409, "it exists")
            return _json(201, self._put(body))
        if found is None:
            return _refusal(404, f"{kind} {name} not found")
        if request.method == "PATCH":
            changes = msgspec.json.decode(await request.read())
            return _json(200, self._put({**found, **changes}))
        return _json(200, found)

    def _address(self, path: str) -> Key:
        """Kind, namespace and name (which may be empty) of a path."""
        for root, shelf in self._by_path.items():
            base, _, plural = root.rpartition("/")
            if not path.startswith(base + "/"):
                continue
            rest = path[len(base) + 1 :].split("/")
            namespace = rest[1] if rest[0] == "namespaces" and len(rest) > 2 else ""
            rest = rest[2:] if namespace else rest
            if rest[0] == plural and len(rest) <= 2:
                return shelf.kind.kind, namespace, rest[1] if len(rest) == 2 else ""
        return "", "", ""


def _json(status: int, value: Object) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(value), content_type="application/json")


def _refusal(status: int, message: str) -> web.Response:
    reason = {404: "NotFound", 409: "AlreadyExists"}[status]
    return _json(status, {"kind": "Status", "status": "Failure", "reason": reason, "message": message, "code": status})
