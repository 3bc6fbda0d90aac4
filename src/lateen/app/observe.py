"""What comes up: the pods, Deployments and proxies of a mesh as they change, and a wait for a condition over them.

In: a session. Out: `Observed`, kept current by watches; `until(condition)` returns as soon as the condition holds.
What a pod's row says is in `pod_rows.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from lateen.adapters.clock import SYSTEM
from lateen.adapters.http.kube_error import KubeError
from lateen.adapters.http.kube_session import KubeSession
from lateen.adapters.kube_watch import Deleted, Synced, watch
from lateen.adapters.tasks import Tasks
from lateen.app.pod_rows import PodRow, Shortfall, newest_warnings, pod_row, shortfall

PATHS = {
    "pods": "/api/v1/pods",
    "deployments": "/apis/apps/v1/deployments",
    "nodes": "/api/v1/nodes",
    "webhooks": "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
    "warnings": "/api/v1/events",
}
SELECTORS = {"warnings": "type=Warning"}
SYNC_INTERVAL = 0.2


class Observed:
    """The current state. Objects are raw; keys are `namespace/name`."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in PATHS}
        self.synced: set[str] = set()
        self.proxies: dict[str, str] = {}
        self._changed = asyncio.Condition()

    async def until(self, condition: Callable[[Observed], bool], seconds: float) -> bool:
        """True as soon as the condition holds, False after `seconds`."""
        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(lambda: condition(self))
        except TimeoutError:
            return False
        return True

    async def notify(self) -> None:
        """Let everybody who waits look again."""
        async with self._changed:
            self._changed.notify_all()

    def rows(self) -> list[PodRow]:
        """All pods as table rows, by namespace and name."""
        warned, now = newest_warnings(self.objects["warnings"].values()), SYSTEM.now()
        pods = self.objects["pods"].items()
        return sorted(pod_row(pod, self.proxies, warned.get(key), now) for key, pod in pods)

    def shortfalls(self) -> list[Shortfall]:
        """The Deployments that lack pods."""
        now = SYSTEM.now()
        found = (shortfall(deployment, now) for _, deployment in sorted(self.objects["deployments"].items()))
        return [each for each in found if each is not None]

    def settled(self) -> bool:
        """Whether every Deployment has its pods and each pod is ready, finished or failing."""
        if not self.synced >= {"pods", "deployments"}:
            return False
        rows = self.rows()
        helpless = any(row.failing for row in rows)
        complete = all(helpless or short.failing for short in self.shortfalls())
        return complete and all(row.done or row.failing for row in rows)

    def problems(self) -> tuple[str, ...]:
        """Why not everything is ready, a line for each pod, and for each Deployment whose pods do not explain it."""
        waiting = [row for row in self.rows() if not row.done and row.status != "Terminating"]
        lines = [f"{row.namespace}/{row.name}: {row.problem or row.status}" for row in waiting]
        lines += [
            f"{row.namespace}/{row.name}: its proxy's configuration is {row.sync}: see `lateen proxy-status -v 1`"
            for row in self.rows()
            if row.done and row.status != "Succeeded" and row.sync not in ("-", "SYNCED")
        ]
        return (*lines, *(short.problem for short in self.shortfalls() if short.failing or not waiting))


@asynccontextmanager
async def observing(session: KubeSession) -> AsyncIterator[Observed]:
    """Keeps an `Observed` current while the context is open."""
    observed = Observed()
    async with Tasks() as tasks:
        for name, path in PATHS.items():
            tasks.start(_follow(session, observed, name, path), f"watch {name}")
        tasks.start(_follow_proxies(session, observed), "proxy status")
        yield observed


async def _follow(session: KubeSession, observed: Observed, name: str, path: str) -> None:
    objects = observed.objects[name]
    async for event in watch(session, path, field_selector=SELECTORS.get(name)):
        if isinstance(event, Synced):
            observed.synced.add(name)
        else:
            meta = event.object["metadata"]
            key = f"{meta.get('namespace', '')}/{meta['name']}"
            if isinstance(event, Deleted):
                objects.pop(key, None)
            else:
                objects[key] = event.object
        await observed.notify()


async def _follow_proxies(session: KubeSession, observed: Observed) -> None:
    """The control plane's own list, asked again and again: it is no watchable resource."""
    while True:
        found: dict[str, str] = {}
        for pod in [p for p in observed.objects["pods"].values() if _label(p, "app") == "istiod"]:
            if pod_row(pod, {}, None, 0.0).done:
                found.update(await _proxies_of(session, pod))
        observed.proxies = found
        await observed.notify()  # always: patience runs out without any event
        await SYSTEM.sleep(SYNC_INTERVAL)


async def _proxies_of(session: KubeSession, pod: dict[str, Any]) -> dict[str, str]:
    meta = pod["metadata"]
    path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}:15014/proxy/debug/syncz"
    try:
        answer = await session.request("GET", path)
    except KubeError:
        return {}  # not listening yet; the next round asks again
    return {_pod_key(r): _worst(r.get("genericXdsConfigs") or []) for r in answer.get("resources") or []}


def _pod_key(resource: dict[str, Any]) -> str:
    name, _, namespace = str(resource["node"]["id"]).rpartition(".")
    return f"{namespace}/{name}"


def _worst(configs: list[dict[str, Any]]) -> str:
    sent = [str(c.get("configStatus")) for c in configs if c.get("configStatus") != "NOT_SENT"]
    for status in ("ERROR", "STALE"):
        if status in sent:
            return status
    return "SYNCED" if sent else "WAITING"


def _label(obj: dict[str, Any], name: str) -> str:
    return str((obj["metadata"].get("labels") or {}).get(name, ""))
