"""One pod of this node from its first appearance to its end.

In: the pod object as it changes. Out: a sandbox, running containers, statuses, events, and in the end nothing. Rules
kept: all decisions are `podlife.next_steps`; a worker that is cancelled leaves the pod running; a pod's trouble stays
in its own status and events.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lateen.adapters.clock import rfc3339
from lateen.adapters.node.containerrun import ContainerRun, PodParts
from lateen.adapters.node.context import NodeContext, ProxyTroubleError
from lateen.adapters.node.namespaces import NodeError
from lateen.adapters.node.podvolumes import PodVolumes
from lateen.adapters.node.preparing import container_directory, facts_of
from lateen.adapters.node.sandbox import Sandbox, adopt_sandbox, make_sandbox, remove_sandbox
from lateen.localcluster.env import MissingError
from lateen.localcluster.podlife import ContainerState, Start, next_steps
from lateen.localcluster.pods import Pod, PodError, not_in_force
from lateen.localcluster.pods_status import Addresses, Doom, pod_status

__all__ = ["PodWorker"]

log = logging.getLogger(__name__)

JSON = dict[str, Any]
_RETRY = 2.0


class PodWorker:
    """Drives one pod. `address` gives a free address for it, "" if none is left."""

    def __init__(self, context: NodeContext, pod: Pod, address: Callable[[str], str]) -> None:
        self.context = context
        self.pod = pod
        self.sandbox: Sandbox | None = None
        self.runs: dict[str, ContainerRun] = {}
        self._address = address
        self._volumes: PodVolumes | None = None
        self._wake = asyncio.Event()
        self._objects_changed = False
        self._refresh_at = 0.0
        self._published: JSON | None = None
        self._trouble = ""
        self._doom: Doom | None = None
        self._ends_at = 0.0

    # --- what others tell the worker

    def update(self, pod: Pod) -> None:
        """The pod object changed."""
        self.pod = pod
        self._wake.set()

    def objects_changed(self) -> None:
        """A ConfigMap, Secret or Service of the namespace, or the image catalogue, changed."""
        self._objects_changed = True
        self._wake.set()

    def close(self) -> None:
        """Let go of the pod, which runs on."""
        for run in self.runs.values():
            run.close()

    # --- the life

    async def run(self) -> None:
        """Until the pod is gone.

        A pod that had ended before this machine or mesh was restarted only waits for its removal.
        """
        if self._is_history():
            while not self.pod.deleting:
                await self._sleep_until(0.0)
        elif await self._settle():
            await self._live()
        await self._remove()

    def _is_history(self) -> bool:
        phase = (self.pod.raw.get("status") or {}).get("phase")
        return phase in ("Succeeded", "Failed") and adopt_sandbox(self.context.run_dir, self.pod.uid) is None

    async def _settle(self) -> bool:
        """Sandbox, volumes, adopted containers. False if the pod is deleted before it has all that."""
        while not self.pod.deleting:
            try:
                await self._make_sandbox()
                if self._volumes is not None:
                    self._refresh_at = await self._volumes.make()
                await self._adopt()
                return True
            except (NodeError, MissingError, PodError, ProxyTroubleError, OSError) as error:
                self._tell_trouble(error)
            await self._publish()
            await self._sleep_until(self.context.clock.monotonic() + _RETRY)
        if self.sandbox is not None:
            await self._adopt()
            return True
        self.sandbox = adopt_sandbox(self.context.run_dir, self.pod.uid)
        if self.sandbox is not None:
            self._make_runs(self.sandbox)
            await self._adopt()
        return self.sandbox is not None

    async def _make_sandbox(self) -> None:
        if self.sandbox is not None:
            return
        sandbox = adopt_sandbox(self.context.run_dir, self.pod.uid)
        if sandbox is None:
            sandbox = await self._new_sandbox()
        self.sandbox = sandbox
        self._make_runs(sandbox)

    async def _new_sandbox(self) -> Sandbox:
        host_network = self.pod.spec.host_network
        address = self.context.host_ip if host_network else self._address(self.pod.uid)
        if not address:
            raise NodeError("no free pod address is left in this mesh")
        facts = (self.pod.uid, self.pod.host_name, address)
        for old in (self._log_directory(), self.context.volume_dir / self.pod.uid):
            shutil.rmtree(old, ignore_errors=True)  # of the same pod before this machine or mesh was restarted
        mesh, run_dir = self.context.mesh, self.context.run_dir
        ignored = not_in_force(self.pod)
        if ignored:
            self.context.api.event(
                self.pod, "Warning", "NotInForce", f"not in force on a local mesh: {', '.join(ignored)}"
            )
        return await asyncio.to_thread(make_sandbox, mesh, run_dir, facts, host_network=host_network)

    def _log_directory(self) -> Path:
        return container_directory(self.context, self.pod, "any").parent

    def _make_runs(self, sandbox: Sandbox) -> None:
        self._volumes = PodVolumes(self.context, self.pod, sandbox, facts_of(self.context, sandbox))
        parts = PodParts(self.context, lambda: self.pod, sandbox, self._volumes, self._wake.set)
        self.runs = {container.name: ContainerRun(parts, container) for container in self.pod.all_containers}

    async def _adopt(self) -> None:
        for run in self.runs.values():
            if run.state.attempt < 0:
                await run.adopt()

    async def _live(self) -> None:
        while True:
            self._wake.clear()
            now = self.context.clock.monotonic()
            self._check_deadline(now)
            await self._refresh(now)
            plan = next_steps(self.pod, self._states(), now, doomed=self._doom is not None)
            for step in plan.steps:
                if isinstance(step, Start):
                    await self.runs[step.name].start()
                else:
                    self._stop(step.name)
            await self._publish()
            if self.pod.deleting and not self._running():
                return
            times = [moment for moment in (plan.wake_at, self._refresh_at, self._deadline()) if moment > now]
            await self._sleep_until(min(times, default=0.0))

    def _stop(self, name: str) -> None:
        grace = self.pod.grace if self.pod.deleting else self.pod.spec.grace
        run = self.runs[name]
        run.update(stopping=True)
        self.context.tasks.start(run.stop(grace, "stop"), f"stop {self.pod.namespace}/{self.pod.name}/{name}")

    async def _refresh(self, now: float) -> None:
        """Bring volumes up to date after a change of objects or when a token is due."""
        if self._volumes is None or not (self._objects_changed or (self._refresh_at and now >= self._refresh_at)):
            return
        self._objects_changed = False
        try:
            self._refresh_at = await self._volumes.refresh()
        except (NodeError, MissingError, PodError, OSError) as error:
            self._tell_trouble(error)
            self._refresh_at = now + _RETRY
        for run in self.runs.values():
            run.retry_now()

    def _states(self) -> dict[str, ContainerState]:
        return {name: run.state for name, run in self.runs.items()}

    def _running(self) -> bool:
        return any(run.state.state == "running" for run in self.runs.values())

    def _deadline(self) -> float:
        """When the pod has to end (monotonic, 0 = never): its seconds count from its first container's start."""
        seconds = self.pod.spec.active_deadline_seconds
        if seconds is None or self._doom is not None:
            return 0.0
        starts = [run.state.started_at for run in self.runs.values() if run.state.started_at]
        if starts and not self._ends_at:
            clock = self.context.clock
            self._ends_at = clock.monotonic() + min(starts) + seconds - clock.now()
        return self._ends_at

    def _check_deadline(self, now: float) -> None:
        deadline = self._deadline()
        if deadline and now >= deadline:
            text = "Pod was active on the node longer than the specified deadline"
            self._doom = Doom("DeadlineExceeded", text)
            self.context.api.event(self.pod, "Normal", "DeadlineExceeded", text)

    async def _sleep_until(self, moment: float) -> None:
        """Until something happens, or `moment` (of the monotonic clock, 0 = never) comes."""
        timeout = max(0.01, moment - self.context.clock.monotonic()) if moment else None
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), timeout)
        self._wake.clear()

    # --- telling

    def _tell_trouble(self, error: Exception) -> None:
        reason = "FailedMount" if isinstance(error, MissingError) else "FailedCreatePodSandBox"
        text = f"MountVolume.SetUp failed: {error}" if isinstance(error, MissingError) else str(error)
        if text != self._trouble:
            self._trouble = text
            self.context.api.event(self.pod, "Warning", reason, text)

    async def _publish(self) -> None:
        """Write the status if it differs from what was written last."""
        states = self._states() or {item.name: ContainerState(item.name) for item in self.pod.all_containers}
        addresses = Addresses(self.sandbox.ip if self.sandbox is not None else "", self.context.host_ip)
        now = rfc3339(self.context.clock.now())
        status = pod_status(self.pod, states, addresses, now, self._doom)
        if status != self._published:
            self._published = status
            self.pod = _with_status(self.pod, status)
            await self.context.api.status(self.pod, status)

    # --- the end

    async def _remove(self) -> None:
        """Remove all that the pod had, then let the API server remove the object."""
        self.close()
        context, uid = self.context, self.pod.uid
        if context.proxies is not None:
            await context.proxies.release(uid)
        context.cgroups.signal(signal.SIGKILL, uid)
        while True:
            try:
                await asyncio.to_thread(remove_sandbox, context.mesh, context.run_dir, uid)
                break
            except OSError as error:
                log.warning("what pod %s/%s had cannot be removed yet: %s", self.pod.namespace, self.pod.name, error)
                await context.clock.sleep(_RETRY)
        context.cgroups.remove(uid)
        shutil.rmtree(context.volume_dir / uid, ignore_errors=True)
        shutil.rmtree(self._log_directory(), ignore_errors=True)
        await context.api.removed(self.pod)


def _with_status(pod: Pod, status: JSON) -> Pod:
    """The pod as it will be once the API server has the status; keeps conditions' times steady."""
    merged = {**(pod.raw.get("status") or {}), **status}
    return Pod(pod.namespace, pod.name, pod.uid, pod.spec, {**pod.raw, "status": merged}, pod.deleting, pod.grace)
