"""A node without an API server: pods come from dicts, statuses and events go into lists."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml

from lateen.adapters.clock import SYSTEM, Clock
from lateen.adapters.node.cgroups import Cgroups
from lateen.adapters.node.context import NodeContext
from lateen.adapters.node.logfiles import LogFollower
from lateen.adapters.node.meshnet import MeshNetwork
from lateen.adapters.node.podworker import PodWorker
from lateen.adapters.node.rootfs import look_at_machine
from lateen.adapters.tasks import Tasks
from lateen.localcluster.images import ImageEntry, Installation
from lateen.localcluster.pods import Pod, read_pod
from lateen.localcluster.pods_files import DnsSettings

JSON = dict[str, Any]


class FakeApi:
    """Keeps what a pod's worker tells the API server."""

    def __init__(self) -> None:
        self.statuses: dict[str, JSON] = {}
        self.events: list[tuple[str, str, str, str]] = []
        self.gone: set[str] = set()
        self.changed = asyncio.Event()

    async def status(self, pod: Pod, status: JSON) -> None:
        self.statuses[pod.name] = status
        self.changed.set()

    async def removed(self, pod: Pod) -> None:
        self.gone.add(pod.name)
        self.changed.set()

    def event(self, pod: Pod, kind: str, reason: str, message: str, container: str = "") -> None:
        self.events.append((pod.name, reason, message, container))

    async def token(self, pod: Pod, audience: str, seconds: int) -> tuple[str, float]:
        return f"token-for-{pod.name}-{audience}", SYSTEM.now() + seconds

    async def until(self, true: Callable[[], bool], seconds: float = 15) -> None:
        """Wait on what the workers tell until `true()`."""
        async with asyncio.timeout(seconds):
            while not true():
                self.changed.clear()
                await self.changed.wait()


class Objects:
    """ConfigMaps and Secrets by (kind, namespace, name)."""

    def __init__(self) -> None:
        self.by_key: dict[tuple[str, str, str], JSON] = {}

    def get(self, kind: str, namespace: str, name: str) -> JSON | None:
        return self.by_key.get((kind, namespace, name))

    def put(self, kind: str, name: str, data: JSON) -> None:
        self.by_key[(kind, "default", name)] = {"metadata": {"name": name}, "data": data}


class Node:
    """A node under test."""

    def __init__(self, context: NodeContext, api: FakeApi, objects: Objects) -> None:
        self.context = context
        self.api = api
        self.objects = objects
        self.workers: dict[str, PodWorker] = {}
        first = context.mesh.plan.gateway.rsplit(".", 2)[0]
        self._addresses = (f"{first}.1.{number}" for number in range(1, 250))

    def run(self, manifest: str) -> PodWorker:
        pod = read_pod(pod_object(manifest))
        worker = PodWorker(self.context, pod, lambda _uid: next(self._addresses))
        self.workers[pod.name] = worker
        self.context.tasks.start(worker.run(), f"pod {pod.name}")
        return worker

    def delete(self, name: str, grace: float | None = None) -> None:
        worker = self.workers[name]
        meta = {**worker.pod.raw["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}
        if grace is not None:
            meta["deletionGracePeriodSeconds"] = grace
        worker.update(read_pod({**worker.pod.raw, "metadata": meta}))

    def container(self, pod: str, name: str) -> JSON:
        status = self.api.statuses.get(pod, {})
        every = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
        return next((item for item in every if item["name"] == name), {})

    def ready(self, pod: str) -> bool:
        conditions = self.api.statuses.get(pod, {}).get("conditions", [])
        return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)

    def phase(self, pod: str) -> str:
        return str(self.api.statuses.get(pod, {}).get("phase", ""))

    def log(self, pod: str, container: str, attempt: int = 0) -> str:
        worker = self.workers[pod]
        file = self.context.log_dir / f"default_{pod}_{worker.pod.uid}" / container / f"{attempt}.log"
        if not file.exists():
            return ""
        return "".join(line.split(" ", 3)[3] for line in file.read_text().splitlines(keepends=True))


def pod_object(manifest: str) -> JSON:
    obj: JSON = yaml.safe_load(manifest)
    meta = {"namespace": "default", "uid": f"uid-{obj['metadata']['name']}", **obj["metadata"]}
    return {**obj, "metadata": meta}


def installation(run_dir: Path) -> Installation:
    return Installation(
        python=sys.executable,
        prefixes=(sys.base_prefix, sys.prefix),
        programs=str(Path(__file__).parent),
        envoy="/bin/false",
        wrappers=str(run_dir / "programs"),
    )


@asynccontextmanager
async def node(
    mesh: MeshNetwork, run_dir: Path, entries: tuple[ImageEntry, ...] = (), clock: Clock = SYSTEM
) -> AsyncIterator[Node]:
    """A running node; leaving it lets go of the pods, which run on."""
    api, objects = FakeApi(), Objects()
    async with Tasks() as tasks:
        logs = LogFollower(SYSTEM.now)
        context = NodeContext(
            run_dir=run_dir,
            log_dir=run_dir / "logs",
            volume_dir=run_dir / "volumes",
            mesh=mesh,
            cgroups=Cgroups(f"lateen-test-{mesh.plan.prefix}"),
            machine=look_at_machine(os.path.join(sys.prefix, "bin", "dumb-init")),
            place=installation(run_dir),
            entries=lambda: entries,
            lookup=objects,
            services=lambda _namespace: [],
            api=api,
            proxies=None,
            tasks=tasks,
            clock=clock,
            logs=logs,
            dns=DnsSettings(mesh.plan.dns_address, "cluster.local"),
            node_name="test",
            host_ip=mesh.plan.mesh_address,
            cores=2,
            memory=1 << 30,
        )
        made = Node(context, api, objects)
        try:
            yield made
        finally:
            for worker in made.workers.values():
                worker.close()
            logs.close()
