"""The pods of this node: one worker each, from the watch of the API server to the last trace.

In: pod events. Out: workers. Rules kept: a worker is known by the pod's uid, so a successor of the same name is
another pod; an address is given to one pod at a time; pods whose object went away while nobody looked are removed
once the list is complete.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import msgspec

from lateen.adapters.http.kube_session import KubeSession
from lateen.adapters.kube_watch import Added, Deleted, Modified, Synced, watch
from lateen.adapters.node.context import NodeContext
from lateen.adapters.node.podworker import PodWorker
from lateen.adapters.node.sandbox import adopt_sandbox, remove_sandbox
from lateen.app.node_objects import kind_row
from lateen.localcluster.network_plan import pod_address
from lateen.localcluster.pods import Pod, PodError, read_pod

__all__ = ["NodePods"]

log = logging.getLogger(__name__)
JSON = dict[str, Any]


class NodePods:
    """All workers of this node."""

    def __init__(self, context: NodeContext) -> None:
        self._context = context
        self._workers: dict[str, PodWorker] = {}
        self._addresses: dict[str, str] = {}
        self._last_address = ""
        self._adopt_addresses()

    def find(self, namespace: str, name: str) -> PodWorker | None:
        """The worker of a pod; of two with one name, the one that is not going away."""
        found = [
            worker for worker in self._workers.values() if (worker.pod.namespace, worker.pod.name) == (namespace, name)
        ]
        return min(found, key=lambda worker: bool(worker.pod.deleting), default=None)

    def objects_changed(self, namespace: str) -> None:
        """A ConfigMap, Secret or Service of a namespace changed; "" = something that concerns all."""
        for worker in self._workers.values():
            if namespace in ("", worker.pod.namespace):
                worker.objects_changed()

    def close(self) -> None:
        """Let go of all pods, which run on."""
        for worker in self._workers.values():
            worker.close()

    async def follow(self, session: KubeSession) -> None:
        """Follow the pods that are bound to this node."""
        selector = f"spec.nodeName={self._context.node_name}"
        async for event in watch(session, kind_row("Pod"), field_selector=selector):
            if isinstance(event, (Added, Modified)):
                self._put(event.object)
            elif isinstance(event, Deleted):
                self._gone(event.object)
            elif isinstance(event, Synced):
                await self._remove_orphans()

    def _put(self, obj: JSON) -> None:
        uid = obj["metadata"]["uid"]
        try:
            pod = read_pod(obj)
        except PodError as error:
            log.warning("pod %s/%s: %s", obj["metadata"].get("namespace"), obj["metadata"]["name"], error)
            return
        if uid in self._workers:
            self._workers[uid].update(pod)
            return
        worker = PodWorker(self._context, pod, self._allocate)
        self._workers[uid] = worker
        self._context.tasks.start(self._live(worker), f"pod {pod.namespace}/{pod.name}")

    async def _live(self, worker: PodWorker) -> None:
        try:
            await worker.run()
        finally:
            worker.close()
        self._workers.pop(worker.pod.uid, None)
        self._addresses.pop(worker.pod.uid, None)

    def _gone(self, obj: JSON) -> None:
        """The object was removed without waiting: end the pod now."""
        meta = obj["metadata"]
        found = [
            worker
            for uid, worker in self._workers.items()
            if uid == meta.get("uid")
            or (not meta.get("uid") and _names(worker.pod) == (meta.get("namespace"), meta["name"]))
        ]
        for worker in found:
            worker.update(_ended(worker.pod))

    async def _remove_orphans(self) -> None:
        for uid in sorted(_on_disk(self._context) - self._workers.keys()):
            log.info("pod %s is not wanted any more; removing it", uid)
            self._context.cgroups.signal(signal.SIGKILL, uid)
            await asyncio.to_thread(remove_sandbox, self._context.mesh, self._context.run_dir, uid)
            self._context.cgroups.remove(uid)
            self._addresses.pop(uid, None)
        for directory in _old_directories(self._context, frozenset(self._workers)):
            shutil.rmtree(directory, ignore_errors=True)

    def _allocate(self, uid: str) -> str:
        if uid not in self._addresses:
            address = pod_address(self._context.mesh.plan.pod_cidr, self._addresses.values(), self._last_address)
            if not address:
                return ""
            self._addresses[uid] = self._last_address = address
        return self._addresses[uid]

    def _adopt_addresses(self) -> None:
        """Addresses of the pods that an earlier node agent left running."""
        for uid in _on_disk(self._context):
            sandbox = adopt_sandbox(self._context.run_dir, uid)
            if sandbox is not None and not sandbox.host_network:
                self._addresses[uid] = sandbox.ip
                self._last_address = max(self._last_address, sandbox.ip, key=_numbers)


def _on_disk(context: NodeContext) -> set[str]:
    """Uids of pods that have a directory here."""
    top = Path(context.run_dir, "pods")
    return set(os.listdir(top)) if top.is_dir() else set()


def _old_directories(context: NodeContext, uids: frozenset[str]) -> list[Path]:
    """Volumes and logs of pods that are gone; a log directory's name ends with the pod's uid."""
    volumes = [path for path in _entries(context.volume_dir) if path.name not in uids]
    return volumes + [path for path in _entries(context.log_dir) if path.name.rpartition("_")[2] not in uids]


def _entries(directory: Path) -> list[Path]:
    return list(directory.iterdir()) if directory.is_dir() else []


def _names(pod: Pod) -> tuple[str, str]:
    return pod.namespace, pod.name


def _numbers(address: str) -> tuple[int, ...]:
    return tuple(int(part) for part in address.split(".")) if address else ()


def _ended(pod: Pod) -> Pod:
    return msgspec.structs.replace(pod, deleting=pod.deleting or "now", grace=0.0)
