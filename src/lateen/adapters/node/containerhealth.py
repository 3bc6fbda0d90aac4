"""A running container's probes: startup first, then liveness and readiness side by side.

In: the container's probes. Out: `started` and `ready` in its state; the run ends with a sentence when the container
has to be killed. Rules kept: failures count at the manifest's pace only; until the first success the question is
asked more often than that, because nobody wants to wait ten seconds for a container that was ready after one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

from lateen.adapters.node.entering import Inside, run_command
from lateen.adapters.node.namespaces import NodeError
from lateen.adapters.node.probing import ask
from lateen.localcluster.pods import Container, Probe
from lateen.localcluster.probes import Count, Outcome, count

if TYPE_CHECKING:
    from lateen.adapters.node.containerrun import PodParts

__all__ = ["Health"]

_SOONEST, _EAGER_UNTIL = 0.05, 1.0


class Health:
    """The probes of one container."""

    def __init__(
        self, parts: PodParts, container: Container, update: Callable[..., None], inside: Callable[[], Inside]
    ) -> None:
        self._parts = parts
        self._container = container
        self._update = update
        self._inside = inside

    async def run(self, *, started: bool = False, ready: bool = False) -> str:
        """Probe until the container has to be killed; returns why."""
        container = self._container
        if container.startup_probe is not None and not started:
            failure = await self._startup(container.startup_probe)
            if failure:
                return failure
        self._update(started=True, ready=ready or container.readiness_probe is None)
        if container.readiness_probe is not None:
            readiness = self._parts.context.tasks.start(
                self._readiness(container.readiness_probe), f"health {container.name}"
            )
        else:
            readiness = None
        try:
            if container.liveness_probe is None:
                await asyncio.Event().wait()
                return ""
            return await self._liveness(container.liveness_probe)
        finally:
            if readiness is not None:
                readiness.cancel()

    async def _startup(self, probe: Probe) -> str:
        async for counted in self._answers("Startup", probe, eager=True):
            if counted.verdict is True:
                return ""
            if counted.verdict is False:
                return "failed startup probe"
        return ""

    async def _liveness(self, probe: Probe) -> str:
        async for counted in self._answers("Liveness", probe, eager=False):
            if counted.verdict is False:
                return "failed liveness probe"
        return ""

    async def _readiness(self, probe: Probe) -> None:
        known: bool | None = None
        async for counted in self._answers("Readiness", probe, eager=True):
            if counted.verdict is not None and counted.verdict != known:
                known = counted.verdict
                self._update(ready=known)

    async def _answers(self, kind: str, probe: Probe, *, eager: bool) -> AsyncIterator[Count]:
        """The count after each answer, at the manifest's pace."""
        await asyncio.sleep(probe.initial_delay_seconds)
        counted, period = Count(), max(1, probe.period_seconds)
        while True:
            outcome = (
                await self._ask_until_due(probe, period) if eager and not counted.verdict else await self._ask(probe)
            )
            counted = count(counted, probe, outcome)
            if not outcome.ok:
                self._tell(kind, outcome)
            yield counted
            if outcome.ok or not eager:
                await asyncio.sleep(period)

    async def _ask_until_due(self, probe: Probe, period: float) -> Outcome:
        """Ask again and again within one period until the answer is good; the last bad answer counts as the
        period's.
        """
        loop = asyncio.get_running_loop()
        due, pause = loop.time() + period, _SOONEST
        while True:
            outcome = await self._ask(probe)
            if outcome.ok or loop.time() + pause >= due:
                await asyncio.sleep(0 if outcome.ok else max(0.0, due - loop.time()))
                return outcome
            await asyncio.sleep(pause)
            pause = min(pause * 2, _EAGER_UNTIL)

    async def _ask(self, probe: Probe) -> Outcome:
        async def run(command: tuple[str, ...], timeout: float) -> Outcome:
            try:
                inside = self._inside()
            except NodeError as error:
                return Outcome(False, str(error))
            return await run_command(inside, self._parts.context.cgroups, command, timeout)

        address = self._parts.sandbox.ip or self._parts.context.host_ip
        return await ask(probe, self._container, address, run)

    def _tell(self, kind: str, outcome: Outcome) -> None:
        pod: Any = self._parts.pod()
        message = f"{kind} probe failed: {outcome.message}"[:1024]
        self._parts.context.api.event(pod, "Warning", "Unhealthy", message, self._container.name)
