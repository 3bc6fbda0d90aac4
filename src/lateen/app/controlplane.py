"""The control plane: process of container `discovery` of pod `istiod`.

    Kubernetes API --watch--> Feed --> engine --> sessions --> gRPC on xds.sock <-- front Envoy <-- proxies (15012)
                   <--write-- Publisher                    +-> certificates
                                                           +-> 15014 monitoring, 15017 webhooks, 15010 health

Started as `python -m lateen.app.controlplane discovery`. Outside of a pod, `--kubeconfig` says which cluster.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.internal import api_implementation

import lateen
from lateen.adapters.accepting import tell_seldom
from lateen.adapters.clock import SYSTEM, Clock
from lateen.adapters.grpc_ads.server import serve_health, serve_socket
from lateen.adapters.grpc_ads.service import AdsService
from lateen.adapters.grpc_ca.service import Callers, Settings, ca_handler
from lateen.adapters.http.kube_session import KubeSession
from lateen.adapters.log_lines import start_logging
from lateen.adapters.monitoring.server import About, Monitoring
from lateen.adapters.tasks import TaskCrashError, Tasks
from lateen.adapters.tls_memory import shrink_tls_buffers
from lateen.adapters.webhook.server import Answers, WebhookServer
from lateen.app.controlplane_authority import SERVING, Serving, find_or_make
from lateen.app.controlplane_feed import Feed
from lateen.app.controlplane_findings import FindingsLog, judged
from lateen.app.controlplane_publish import Publisher
from lateen.controlplane import front
from lateen.controlplane.plane import ControlPlane
from lateen.desired.trust import PEM, ROOTS
from lateen.engine import Database, Set
from lateen.identity.authority import Authority
from lateen.injection.configuration import injection_settings
from lateen.injection.inject import Settings as InjectionSettings
from lateen.mesh.features import FEATURES
from lateen.mesh.meshconfig import mesh_config
from lateen.resources.tables import RESOURCES
from lateen.xds.discovery import prepare, wanted

log = logging.getLogger("lateen.controlplane")

TOKEN_REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"  # noqa: S105  # a path
GRACE = 1.0
"""Seconds for running requests when the process ends; streams never end by themselves."""
REVIEWS = 16
"""Tokens that are reviewed at a time."""
SWEEP = 5.0
"""Seconds between looks whether so much has come that some of it may be in vain."""


@dataclass(frozen=True)
class Options:
    """How this process was started."""

    kubeconfig: str = ""
    directory: Path = Path("/var/run/lateen")
    host: str = "0.0.0.0"
    health_port: int = 15010
    monitoring_port: int = 15014
    webhook_port: int = 15017
    pod: str = "istiod"
    namespace: str = "istio-system"
    revision: str = "default"
    features: tuple[tuple[str, str], ...] = ()


def read_options(arguments: list[str], environment: Mapping[str, str]) -> Options:
    """From the command line, and from what the pod's manifest puts into the environment."""
    parser = argparse.ArgumentParser(prog="lateen.app.controlplane", description="The mesh's control plane.")
    parser.add_argument("command", nargs="?", default="discovery", choices=["discovery"])
    parser.add_argument("--kubeconfig", default="", help="the cluster, when not running in a pod of it")
    parser.add_argument("--directory", default="/var/run/lateen", help="where the front Envoy's socket and files are")
    found, unknown = parser.parse_known_args(arguments)
    if unknown:
        log.warning("ignoring unknown arguments: %s", " ".join(unknown))
    features = sorted(
        (k, v) for k, v in environment.items() if k.startswith(("PILOT_", "ENABLE_", "ISTIO_", "EXTERNAL_"))
    )
    return Options(
        kubeconfig=found.kubeconfig,
        directory=Path(found.directory),
        pod=environment.get("POD_NAME", "istiod"),
        namespace=environment.get("POD_NAMESPACE", "istio-system"),
        revision=environment.get("REVISION") or "default",
        features=tuple(features),
    )


class Process:
    """Everything that this process holds, put together."""

    def __init__(self, options: Options, kube: KubeSession, clock: Clock) -> None:
        self.options = options
        self.kube = kube
        self.clock = clock
        self.db = Database()
        self.db.apply([Set(FEATURES, name, value) for name, value in options.features])
        self.plane = ControlPlane(self.db, wanted)
        self.callers = Callers(self.review, self.trust_domain, trust_forwarded=True)
        self.ads = AdsService(self.plane, self.callers.identify, clock)
        self.feed = Feed(kube, self.plane, self.ads.wake, clock)
        self.webhooks = WebhookServer(Answers(self.injection, lambda given: judged(self.db, given)))
        self.ready = False
        self._reviews = asyncio.Semaphore(REVIEWS)
        self._closing = AsyncExitStack()
        """Holds the servers too: a gRPC server closes when nobody refers to it."""

    async def run(self, tasks: Tasks) -> None:
        """Start everything; returns when all of it serves."""
        about = About(self.options.pod, lateen.__version__)
        monitoring = Monitoring(self.plane, lambda: self.ready, about, self.clock)
        pages = await monitoring.serve(self.options.host, self.options.monitoring_port)
        self._closing.push_async_callback(pages.cleanup)
        await self.feed.load(tasks)
        authority = await find_or_make(self.kube, self.options.namespace, self.trust_domain(), self.clock)
        self.plane.apply([Set(ROOTS, PEM, authority.root_pem.decode())])
        serving = Serving(authority, self.options.namespace, self.clock)
        prepare(self.db)
        await self._serve(authority, serving)
        freeze()
        tasks.start(self.feed.run(), "apply changes", essential=True)
        tasks.start(Publisher(self.kube, self.plane, self.clock).run(), "publish roots", essential=True)
        tasks.start(FindingsLog(self.plane, self.clock).run(), "log findings", essential=True)
        tasks.start(self._renew(serving), "renew the serving certificate", essential=True)
        tasks.start(self._sweep(), "sweep", essential=True)
        self.ads.wake()
        self.ready = True
        log.info("ready: %d objects", len(self.db.keys(RESOURCES)))

    async def close(self) -> None:
        """End all streams (clients come back to another process, or to the next one) and close the ports."""
        self.ready = False
        await self._closing.aclose()

    async def review(self, review: Mapping[str, Any]) -> Mapping[str, Any]:
        """Ask the API server about a token; when all proxies come at once, some at a time."""
        async with self._reviews:
            return await self.kube.request("POST", TOKEN_REVIEWS, review)

    def injection(self) -> InjectionSettings:
        return injection_settings(self.db, self.options.revision)[0]

    def trust_domain(self) -> str:
        return mesh_config(self.db).trust_domain or "cluster.local"

    async def _serve(self, authority: Authority, serving: Serving) -> None:
        signing = ca_handler(
            Settings(lambda: authority, self.review, self.trust_domain, trust_forwarded=True), self.clock
        )
        self._use_certificate(serving)
        socket = self.options.directory / front.SOCKET
        for server in (
            await serve_socket(socket, [self.ads.handler(), signing]),
            await serve_health(f"{self.options.host}:{self.options.health_port}"),
        ):
            self._closing.push_async_callback(server.stop, GRACE)
        await self.webhooks.start(self.options.host, self.options.webhook_port)
        self._closing.push_async_callback(self.webhooks.close)

    def _use_certificate(self, serving: Serving) -> None:
        serving.write_front(self.options.directory)
        self.webhooks.use_certificate(serving.chain.encode(), serving.key.encode())

    async def _renew(self, serving: Serving) -> None:
        while True:
            await self.clock.sleep(SERVING.total_seconds() / 3)
            serving.renew()
            self._use_certificate(serving)

    async def _sweep(self) -> None:
        """Forget what only streams that are gone have asked for; a look costs nothing while little has come."""
        kept = self.db.remembered
        while True:
            await self.clock.sleep(SWEEP)
            if self.db.remembered > kept * 1.3 + 500:
                self.db.sweep()
                kept = self.db.remembered
                gc.freeze()


def freeze() -> None:
    """What was loaded stays, and what is computed from it mostly too: keep it out of the garbage collector's way.

    The engine makes no garbage that needs the collector; a full collection would stop every stream for half a second.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def require_fast_protobuf() -> None:
    """The pure-Python backend is 25 times slower; better not to start than to be that slow."""
    backend = api_implementation.Type()
    if backend != "upb":
        raise SystemExit(f"protobuf runs on its {backend!r} backend; unset PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION")


async def serve(options: Options) -> None:
    """Run until SIGTERM or SIGINT."""
    tell_seldom(asyncio.get_running_loop())
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    session = KubeSession.from_kubeconfig(options.kubeconfig) if options.kubeconfig else KubeSession.in_cluster()
    async with session as kube, Tasks() as tasks:
        process = Process(options, kube, SYSTEM)
        tasks.start(process.run(tasks), "start", essential=True)
        try:
            await tasks.until(stopped)
        finally:
            await process.close()


def main() -> None:
    """Entry point; exits with 1 when an essential part has crashed (its path is in the log)."""
    start_logging(sys.stdout)
    require_fast_protobuf()
    shrink_tls_buffers()
    try:
        asyncio.run(serve(read_options(sys.argv[1:], os.environ)))
    except TaskCrashError as error:
        log.error("%s", error)
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
