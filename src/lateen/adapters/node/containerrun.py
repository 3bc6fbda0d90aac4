"""One container of a pod through all its starts: started, watched, probed, stopped, adopted.

In: what `podlife.next_steps` decides. Out: a `ContainerState` that is always true to the process, and a call of
`changed` whenever it differs. Rules kept: the container never depends on this object's life; closing it leaves the
container running; every end is noticed through a descriptor of the kernel, never by looking again and again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from lateen.adapters.node.console import Console, open_console
from lateen.adapters.node.containerhealth import Health
from lateen.adapters.node.context import NodeContext, ProxyTroubleError
from lateen.adapters.node.entering import Inside, container_init, until_up
from lateen.adapters.node.hooks import run_hook
from lateen.adapters.node.launch import attempt_files, launch
from lateen.adapters.node.logfiles import forget_log, last_words, raw_file
from lateen.adapters.node.namespaces import NodeError
from lateen.adapters.node.podvolumes import PodVolumes
from lateen.adapters.node.preparing import (
    PrepareError,
    container_directory,
    container_env,
    prepare,
    raw_container,
    with_address,
    with_logs,
)
from lateen.adapters.node.processes import ProcessRecord, open_handle, reap
from lateen.adapters.node.runrecord import (
    Run,
    adopted_state,
    ended_of,
    forget,
    read_run,
    running_record,
    write_run,
)
from lateen.adapters.node.sandbox import Sandbox
from lateen.adapters.node.spawn import wait_until_over
from lateen.localcluster.env import MissingError
from lateen.localcluster.images import ImageError, resolve
from lateen.localcluster.podlife import ContainerState, Ended
from lateen.localcluster.pods import Container, Pod, PodError
from lateen.localcluster.restart import backoff, next_crashes

__all__ = ["ContainerRun", "PodParts"]

log = logging.getLogger(__name__)

_RETRY_PROXY = 1.0
_HOLD = {"ErrImagePull": 10.0, "RunContainerError": 2.0}
_AFTER_HOOK = 2.0


class PodParts(msgspec.Struct, frozen=True):
    """What the containers of a pod share. `pod` gives the pod as it is now."""

    context: NodeContext
    pod: Callable[[], Pod]
    sandbox: Sandbox
    volumes: PodVolumes
    changed: Callable[[], None]


class ContainerRun:
    """A container; `state` is replaced, never edited."""

    def __init__(self, parts: PodParts, container: Container) -> None:
        self.parts = parts
        self.container = container
        self.state = ContainerState(container.name)
        self._ended = asyncio.Event()
        self._tasks: list[asyncio.Task[Any]] = []
        self._health = Health(parts, container, self.update, self.inside)
        self._kill_message = ""
        self.console: Console | None = None

    # --- state

    def update(self, **changes: Any) -> None:
        """Replace fields of the state and tell the pod's worker."""
        self.state = msgspec.structs.replace(self.state, **changes)
        self.parts.changed()

    def inside(self) -> Inside:
        """How to enter the container. Raises `NodeError` if it does not run."""
        record = running_record(self.parts.sandbox, self.container.name, self.state.attempt)
        run = read_run(self.parts.sandbox, self.container.name, self.state.attempt)
        if record is None or run is None:
            raise NodeError(f"container {self.container.name} is not running")
        return msgspec.structs.replace(run.inside, shim=record.pid)

    @property
    def _pod(self) -> Pod:
        return self.parts.pod()

    def _event(self, kind: str, reason: str, message: str) -> None:
        self.parts.context.api.event(self._pod, kind, reason, message, self.container.name)

    # --- starting

    async def start(self) -> None:
        """Start the container; what stands in the way becomes its waiting reason and an event."""
        context, sandbox, name = self.parts.context, self.parts.sandbox, self.container.name
        attempt = self.state.attempt + 1
        context.cgroups.signal(signal.SIGKILL, sandbox.uid, name)
        context.cgroups.remove(sandbox.uid, name)
        directory = container_directory(context, self._pod, name)
        try:
            prepared = await prepare(context, self._pod, self.container, sandbox, self.parts.volumes)
            run = Run(prepared.inside, context.clock.now(), self.state.crashes, prepared.message_file)
            write_run(sandbox, attempt, run)
            files = attempt_files(sandbox, name, attempt)
            self._open_console()
            given = self.console.child if self.console is not None else ()
            record = await asyncio.to_thread(launch, sandbox, with_logs(prepared, directory, attempt), files, given)
        except PrepareError as error:
            self._hold(error.reason, str(error))
            return
        except (NodeError, OSError) as error:
            self._hold("RunContainerError", str(error))
            return
        context.logs.follow(directory, attempt)
        if self.console is not None and self.console.terminal:
            self._begin(self.console.pump(raw_file(directory, attempt, "stdout")), "terminal")
        await until_up(msgspec.structs.replace(prepared.inside, shim=record.pid), context.cgroups, record)
        forget(sandbox, name, attempt - 2)
        forget_log(directory, attempt - 2)
        if self.state.reason in ("ErrImagePull", "ImagePullBackOff", "") and attempt == 0:
            self._event("Normal", "Pulled", f'Container image "{self.container.image}" already present on machine')
        self._event("Normal", "Created", f"Created container: {name}")
        self._event("Normal", "Started", f"Started container {name}")
        self._running(record, attempt, run.started_at)

    def _open_console(self) -> None:
        if self.console is not None:
            self.console.close()
        wanted = self.container.stdin or self.container.tty
        self.console = open_console(terminal=self.container.tty) if wanted else None

    def _running(self, record: ProcessRecord, attempt: int, started_at: float) -> None:
        previous = self.state.ended if self.state.ended is not None else self.state.previous
        self._ended.clear()
        self._kill_message = ""
        fresh = {"reason": "", "message": "", "started": False, "hooked": False, "ready": False, "stopping": False}
        self.update(
            attempt=attempt, state="running", started_at=started_at, ended=None, previous=previous, **fresh
        )  # fmt: skip
        self._begin(self._watch(record, attempt), "watch")
        self._begin(self._come_up(), "health")

    def _hold(self, reason: str, message: str) -> None:
        """The container waits for a reason; an image that is still missing says so in Kubernetes' second form."""
        shown = (
            "ImagePullBackOff"
            if reason == "ErrImagePull" and self.state.reason in ("ErrImagePull", "ImagePullBackOff")
            else reason
        )
        if (shown, message) != (self.state.reason, self.state.message):
            self._event("Warning", "Failed", f"Error: {message}" if reason != "ErrImagePull" else message)
        now = self.parts.context.clock.monotonic()
        self.update(reason=shown, message=message, not_before=now + _HOLD.get(reason, 5.0))

    def retry_now(self) -> None:
        """Something that the container may wait for has changed."""
        if self.state.state != "running" and self.state.reason not in ("", "CrashLoopBackOff"):
            self.update(not_before=0.0)

    async def _come_up(self) -> None:
        """postStart, then the probes for as long as the container runs."""
        hook = self.container.lifecycle.post_start
        if hook is not None:
            outcome = await run_hook(hook, self.container, self._address(), self.inside(), self.parts.context.cgroups)
            if not outcome.ok:
                self._event("Warning", "FailedPostStartHook", f"PostStartHook failed: {outcome.message}")
                self._begin(self.stop(self._pod.spec.grace, "FailedPostStartHook"), "stop")
                return
        self.update(hooked=True)
        verdict = await self._health.run()
        self._kill_message = verdict
        self._event("Normal", "Killing", f"Container {self.container.name} {verdict}, will be restarted")
        self._begin(self.stop(self._pod.spec.grace, ""), "stop")

    def _address(self) -> str:
        return self.parts.sandbox.ip or self.parts.context.host_ip

    # --- ending

    async def _watch(self, record: ProcessRecord, attempt: int) -> None:
        handle = open_handle(record)
        if handle is not None:
            try:
                await wait_until_over(handle)
            finally:
                os.close(handle)
        reap(record.pid)
        self._finish(attempt)

    def _finish(self, attempt: int) -> None:
        context, sandbox, name = self.parts.context, self.parts.sandbox, self.container.name
        context.cgroups.signal(signal.SIGKILL, sandbox.uid, name)
        context.logs.finish(container_directory(context, self._pod, name), attempt)
        ended = ended_of(sandbox, name, attempt, oom=context.cgroups.oom_kills(sandbox.uid, name) > 0)
        ended = self._with_message(ended, attempt)
        self._ended.set()
        self._cancel_others()
        crashes = next_crashes(self.state.crashes, ended.finished_at - ended.started_at)
        delay = 0.0 if self.state.stopping and not self._kill_message else backoff(crashes)
        changes: dict[str, Any] = {}
        if ended.reason == "StartError":
            self._event("Warning", "Failed", f"Error: failed to start container {name!r}: {ended.message}")
        if delay:
            pod = f"{self._pod.name}_{self._pod.namespace}({sandbox.uid})"
            text = f"back-off {delay:.0f}s restarting failed container={name} pod={pod}"
            self._event("Warning", "BackOff", f"Back-off restarting failed container {name} in pod {self._pod.name}")
            changes = {"reason": "CrashLoopBackOff", "message": text}
        self.update(
            state="ended", ended=ended, ready=False, started=False, stopping=False, crashes=crashes,
            not_before=context.clock.monotonic() + delay, **changes,
        )  # fmt: skip

    def _with_message(self, ended: Ended, attempt: int) -> Ended:
        """Where the manifest wants it, the end of the log explains a failure that left no message."""
        if ended.code == 0 or ended.message or self.container.termination_message_policy != "FallbackToLogsOnError":
            return ended
        directory = container_directory(self.parts.context, self._pod, self.container.name)
        return msgspec.structs.replace(ended, message=last_words(directory, attempt))

    async def stop(self, grace: float, reason: str) -> None:
        """preStop, SIGTERM, and after `grace` seconds SIGKILL."""
        if self.state.state != "running":
            return
        self.update(stopping=True)
        context, loop = self.parts.context, asyncio.get_running_loop()
        deadline = loop.time() + max(0.0, grace)
        if reason:
            self._event("Normal", "Killing", f"Stopping container {self.container.name}")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                await self._before_end(grace)
        with contextlib.suppress(NodeError, ProcessLookupError):
            os.kill(container_init(self.inside(), context.cgroups), signal.SIGTERM)
        left = max(deadline - loop.time(), _AFTER_HOOK if grace > 0 else 0.0)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), left)
            return
        self.kill()
        await self._ended.wait()

    async def _before_end(self, grace: float) -> None:
        """The preStop hook, and for a proxy time for its connections."""
        context = self.parts.context
        if context.proxies is not None and self._role() == "proxy":
            await context.proxies.drain(self.parts.sandbox.uid, grace)
        hook = self.container.lifecycle.pre_stop
        if hook is not None:
            outcome = await run_hook(hook, self.container, self._address(), self.inside(), context.cgroups)
            if not outcome.ok:
                self._event("Warning", "FailedPreStopHook", f"PreStopHook failed: {outcome.message}")

    def kill(self) -> None:
        """Kill at once: the first process of a pid namespace takes all others with it."""
        context = self.parts.context
        with contextlib.suppress(NodeError, ProcessLookupError):
            os.kill(container_init(self.inside(), context.cgroups), signal.SIGKILL)
        context.cgroups.signal(signal.SIGKILL, self.parts.sandbox.uid, self.container.name)

    # --- a node agent that came back

    async def adopt(self) -> None:
        """Take over what an earlier node agent left: a running container, or its end."""
        context, sandbox, name = self.parts.context, self.parts.sandbox, self.container.name
        told = _told(self._pod, name)
        oom = context.cgroups.oom_kills(sandbox.uid, name) > 0
        self.state = adopted_state(
            sandbox, name, oom=oom, started=bool(told.get("started")), ready=bool(told.get("ready"))
        )
        if self.state.attempt < 0:
            return
        directory = container_directory(context, self._pod, name)
        context.logs.follow(directory, self.state.attempt)
        record = running_record(sandbox, name, self.state.attempt)
        if record is None:
            self._adopt_end()
            return
        if context.proxies is not None and self._role() == "proxy":
            self._begin(self._adopt_proxy(), "proxy")
        self._begin(self._watch(record, self.state.attempt), "watch")
        self._begin(self._come_back(), "health")

    async def _adopt_proxy(self) -> None:
        """Bring the proxy's agent back, trying until it works; the proxy itself runs meanwhile."""
        context, sandbox = self.parts.context, self.parts.sandbox
        while context.proxies is not None:
            try:
                env = container_env(context, self._pod, self.container, sandbox)
                raw = raw_container(self._pod, self.container.name)
                await context.proxies.adopt(with_address(self._pod, sandbox), raw, sandbox, env)
                return
            except (ProxyTroubleError, MissingError, PodError) as error:
                log.warning("the agent of %s/%s waits: %s", self._pod.namespace, self._pod.name, error)
            await context.clock.sleep(_RETRY_PROXY)

    def _adopt_end(self) -> None:
        context, sandbox, name = self.parts.context, self.parts.sandbox, self.container.name
        context.cgroups.signal(signal.SIGKILL, sandbox.uid, name)
        context.logs.finish(container_directory(context, self._pod, name), self.state.attempt)
        ended = self.state.ended or Ended(137, "ContainerStatusUnknown")
        crashes = next_crashes(self.state.crashes, ended.finished_at - ended.started_at)
        self.update(crashes=crashes, not_before=context.clock.monotonic() + backoff(crashes))

    async def _come_back(self) -> None:
        verdict = await self._health.run(started=self.state.started, ready=self.state.ready)
        self._kill_message = verdict
        await self.stop(self._pod.spec.grace, "")

    def close(self) -> None:
        """Let go of the container, which runs on."""
        for task in self._tasks:
            task.cancel()
        if self.console is not None:
            self.console.close()

    def _role(self) -> str:
        context = self.parts.context
        try:
            return resolve(
                context.entries(), context.place, self.container.image, self.container.command, self.container.args
            ).role
        except ImageError:
            return ""

    def _begin(self, work: Coroutine[Any, Any, None], what: str) -> None:
        task = self.parts.context.tasks.start(
            work, f"{what} {self._pod.namespace}/{self._pod.name}/{self.container.name}"
        )
        self._tasks = [known for known in self._tasks if not known.done()] + [task]

    def _cancel_others(self) -> None:
        """End the probes of a container that ended; whoever waits for its end in `stop` is woken by the event
        instead.
        """
        for task in self._tasks:
            if task is not asyncio.current_task() and task.get_name().startswith("health "):
                task.cancel()


def _told(pod: Pod, name: str) -> dict[str, Any]:
    """What the API server was told last about a container."""
    status = pod.raw.get("status") or {}
    every = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    return next((item for item in every if item.get("name") == name), {})
