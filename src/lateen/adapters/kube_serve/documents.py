"""The paths that are not resources: version, health, discovery, OpenAPI, keys of the token issuer.

In: a path and an Accept header. Out: the document, or None if there is none at this path.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from aiohttp import web

from lateen.adapters.kube_serve.answers import respond
from lateen.localcluster import discovery, openapi
from lateen.localcluster.registry import Registry

JSON = dict[str, Any]
VERSION = {
    "major": "1",
    "minor": "32",
    "gitVersion": "v1.32.0+lateen",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "none",
    "compiler": "none",
    "platform": "linux/amd64",
}
HEALTH = ("/healthz", "/livez", "/readyz")
AGGREGATED = ("v2", "v2beta1")
FOREVER = "public, immutable, max-age=31536000"


class Documents:
    """Documents over a registry that may change; OpenAPI documents are encoded once per registry."""

    def __init__(self, registry: Callable[[], Registry], address: str, extra: Mapping[str, Callable[[], JSON]]) -> None:
        self._registry = registry
        self._address = address
        self._extra = extra
        self._for: Registry | None = None
        self._digest = ""
        self._openapi: dict[str, bytes | None] = {}

    def answer(self, path: str, accept: str) -> web.Response | None:
        """The answer for a path that names no resource."""
        registry = self._registry()
        if path == "/version":
            return respond(VERSION)
        if path in HEALTH or path.startswith(tuple(prefix + "/" for prefix in HEALTH)):
            return web.Response(text="ok")
        if path in self._extra:
            return respond(self._extra[path]())
        if path == "/openapi/v3" or path.startswith("/openapi/v3/"):
            return self._openapi_answer(path.removeprefix("/openapi/v3").strip("/"), registry)
        if path == "/openapi/v2":
            return respond(openapi.EMPTY_V2, content_type=openapi.V2_TYPE)
        if path in ("/api", "/apis"):
            return self._groups(registry, accept, core=path == "/api")
        document = self._legacy(path, registry)
        return None if document is None else respond(document)

    def _groups(self, registry: Registry, accept: str, *, core: bool) -> web.Response:
        for version in AGGREGATED:
            if f"g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList" in accept.replace(" ", ""):
                document = discovery.aggregated(registry, core=core, version=version)
                return respond(document, content_type=discovery.AGGREGATED.format(version=version))
        return respond(discovery.api_versions(self._address) if core else discovery.group_list(registry))

    @staticmethod
    def _legacy(path: str, registry: Registry) -> JSON | None:
        parts = path.split("/")[1:]
        if parts[0] == "api" and len(parts) == 2:
            return discovery.resource_list(registry, "", parts[1])
        if parts[0] == "apis" and len(parts) == 2:
            return discovery.group_document(registry, parts[1])
        if parts[0] == "apis" and len(parts) == 3:
            return discovery.resource_list(registry, parts[1], parts[2])
        return None

    def _openapi_answer(self, path: str, registry: Registry) -> web.Response | None:
        if self._for is not registry:
            names = msgspec.json.encode([(info.api_version, info.kind, info.schema) for info in registry.kinds])
            self._digest = hashlib.sha256(names).hexdigest()[:32].upper()
            self._for, self._openapi = registry, {}
        if not path:
            return respond(openapi.index(registry, self._digest))
        if path not in self._openapi:
            _, _, group_version = path.partition("/")
            group, _, version = group_version.rpartition("/")
            document = openapi.document(registry, group, version)
            self._openapi[path] = None if document is None else msgspec.json.encode(document)
        body = self._openapi[path]
        if body is None:
            return None
        response = respond(body)
        response.headers["Cache-Control"] = FOREVER
        response.headers["ETag"] = f'"{self._digest}"'
        return response
