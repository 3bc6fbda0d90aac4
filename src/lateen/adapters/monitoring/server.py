"""HTTP on 15014: `/ready`, `/version`, `/metrics`, `/debug/syncz`, `/debug/configz`.

In: the control plane, and whether it is ready. Out: pages. Rule: read only, and nothing secret on them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web

from lateen.adapters.clock import Clock, rfc3339
from lateen.adapters.monitoring.metrics import PilotCollector, exposition
from lateen.controlplane.findings import all_findings
from lateen.controlplane.plane import ControlPlane
from lateen.controlplane.session import Session
from lateen.controlplane.sync import TypeStatus, statuses
from lateen.mesh.node import ProxyNode
from lateen.resources.kinds import KINDS
from lateen.resources.tables import RESOURCES

CLIENT_CONFIG = "type.googleapis.com/envoy.service.status.v3.ClientConfig"


@dataclass(frozen=True)
class About:
    """What the pages say of this process."""

    pod: str
    version: str


class Monitoring:
    """See the module's docstring."""

    def __init__(self, plane: ControlPlane, ready: Callable[[], bool], about: About, clock: Clock) -> None:
        self._plane = plane
        self._ready = ready
        self._about = about
        self._clock = clock
        self._collector = PilotCollector(plane, about.version, clock)

    async def serve(self, host: str, port: int) -> web.AppRunner:
        """Start serving; `cleanup` of the result ends it."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/ready", self._get_ready),
                web.get("/version", self._get_version),
                web.get("/metrics", self._get_metrics),
                web.get("/debug/syncz", self._get_syncz),
                web.get("/debug/configz", self._get_configz),
            ]
        )
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, host, port).start()
        return runner

    async def _get_ready(self, _request: web.Request) -> web.Response:
        if self._ready():
            return web.Response(text="ready\n")
        return web.Response(status=503, text="the first load of the cluster's objects is under way\n")

    async def _get_version(self, _request: web.Request) -> web.Response:
        return web.Response(text=self._about.version + "\n")

    async def _get_metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=exposition(self._collector), content_type="text/plain")

    async def _get_syncz(self, _request: web.Request) -> web.Response:
        return _json(syncz(self._plane, self._about, self._clock))

    async def _get_configz(self, _request: web.Request) -> web.Response:
        return _json(configz(self._plane))


def syncz(plane: ControlPlane, about: About, clock: Clock) -> dict[str, Any]:
    """A DiscoveryResponse of `ClientConfig`s, as `istioctl proxy-status` reads it."""
    offset = clock.now() - clock.monotonic()
    clients = [_client(sessions[-1], offset) for _, sessions in sorted(plane.sessions.items())]
    info = {"version": about.version, "revision": "", "golang_version": "", "status": "", "tag": about.version}
    identifier = {"Component": "istiod", "ID": about.pod, "Info": info}
    return {
        "versionInfo": str(plane.db.revision),
        "typeUrl": CLIENT_CONFIG,
        "resources": [client for client in clients if client],
        "controlPlane": {"identifier": msgspec.json.encode(identifier).decode()},
    }


def _client(session: Session, offset: float) -> dict[str, Any]:
    node = session.node
    if node is None:
        return {}
    configs = [_config(status, offset) for status in statuses(session)]
    return {"@type": CLIENT_CONFIG, "node": _node(node), "genericXdsConfigs": configs}


def _node(node: ProxyNode) -> dict[str, Any]:
    version = ".".join(map(str, node.version))
    metadata = {"CLUSTER_ID": node.cluster_id, "ISTIO_VERSION": version, "NAMESPACE": node.namespace}
    return {"id": f"{node.pod_name}.{node.namespace}", "metadata": metadata}


def _config(status: TypeStatus, offset: float) -> dict[str, Any]:
    found: dict[str, Any] = {"typeUrl": status.type_url, "configStatus": status.status}
    if status.version:
        found |= {"versionInfo": status.version, "lastUpdated": rfc3339(status.updated + offset)}
    if status.error:
        found["errorState"] = {"details": status.error}
    return found


def configz(plane: ControlPlane) -> dict[str, Any]:
    """Which Istio objects are in force, and everything there is to say about them."""
    db = plane.db
    kinds = sorted(kind.kind for kind in KINDS if kind.istio)
    return {
        "objects": [str(key) for kind in kinds for key in db.lookup(RESOURCES, "kind", kind)],
        "findings": [str(finding) for finding in all_findings(db)],
    }


def _json(value: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")
