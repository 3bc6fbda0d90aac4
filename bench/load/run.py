"""One run: a world, the control plane, its proxies, and every edit in turn.

In: a `Plan`. Out: costs by edit. Rule: each edit starts from quiet, so costs do not run into each other.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from bench.load.edits import EDITS, Edit
from bench.load.identities import Identities
from bench.load.measure import Cost, Meter
from bench.load.proxies import Fleet
from bench.load.target import running
from bench.load.thin_api import FakeApiServer
from bench.load.world import Shape, world

log = logging.getLogger(__name__)

COLD = "cold start"


@dataclass(frozen=True)
class Plan:
    """What to measure."""

    shape: Shape
    proxies: int = 50
    delta: bool = True
    tls: bool = True
    repeat: int = 3
    only: frozenset[str] = frozenset()
    profile: str = ""

    def __str__(self) -> str:
        shape = self.shape
        protocol = "delta" if self.delta else "state of the world"
        way = "TLS through the front" if self.tls else "plain Unix socket"
        scope = "own namespace only" if shape.sidecars else "everything visible"
        return (
            f"{shape.services} services x {shape.endpoints} endpoints in {shape.namespaces} namespaces, "
            f"{shape.virtual_services} VirtualServices, {shape.destination_rules} DestinationRules, "
            f"{shape.policies} policies, {scope}; {self.proxies} proxies, {protocol}, {way}"
        )


async def run(plan: Plan, directory: Path, logs: Path) -> dict[str, list[Cost]]:
    """`directory` takes sockets, keys and the like."""
    identities = Identities()
    api = FakeApiServer([*world(plan.shape).values(), identities.secret()])
    server = await api.serve()
    try:
        async with running(server, directory, logs, plan.profile) as target:
            address = target.front if plan.tls else target.behind
            fleet = Fleet(plan.shape, plan.proxies, address, identities, plan.delta)
            meter = Meter(target, fleet)
            try:
                return await _measured(plan, api, fleet, meter)
            finally:
                await meter.close()
                await fleet.disconnect()
    finally:
        await api.close()


async def _measured(plan: Plan, api: FakeApiServer, fleet: Fleet, meter: Meter) -> dict[str, list[Cost]]:
    costs = {COLD: [await meter.measure(COLD, fleet.connect)]}
    log.info("%s", costs[COLD][0])
    for edit in EDITS:
        if not plan.only or edit.name in plan.only:
            costs[edit.name] = [await _once(edit, plan, turn, (api, fleet, meter)) for turn in range(plan.repeat)]
    return costs


async def _once(edit: Edit, plan: Plan, turn: int, parts: tuple[FakeApiServer, Fleet, Meter]) -> Cost:
    api, fleet, meter = parts

    async def do() -> None:
        if edit.reconnects:
            await fleet.disconnect()
            await fleet.connect()
        api.do(edit.steps(plan.shape, turn))

    cost = await meter.measure(edit.name, do)
    log.info("%s", cost)
    return cost
