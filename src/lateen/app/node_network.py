"""Keeps Service addresses and names in step with Services and their endpoints.

In: changes of Services and EndpointSlices. Out: one nft transaction with the differences, and the current `Zone` of
the name server. Rule: changes that come together are applied together, a few milliseconds later; names are looked up
in the newest picture.
"""

from __future__ import annotations

import asyncio
import logging

from lateen.adapters.clock import Clock
from lateen.adapters.node.meshnet import MeshNetwork, apply_rules
from lateen.adapters.node.namespaces import NodeError
from lateen.app.node_objects import Objects
from lateen.localcluster.dns_records import Zone, make_zone
from lateen.localcluster.network_plan import ServicePort, rules_base, rules_delta
from lateen.localcluster.network_services import service_ports, slices_by_service

__all__ = ["NetworkSync"]

log = logging.getLogger(__name__)
_GATHER = 0.02


class NetworkSync:
    """The map of Service addresses and the zone of names."""

    def __init__(self, mesh: MeshNetwork, domain: str, clock: Clock) -> None:
        self._mesh = mesh
        self._domain = domain
        self._clock = clock
        self._dirty = asyncio.Event()
        self._ports: dict[str, ServicePort] | None = None
        self._zone: Zone | None = None
        self._objects: Objects | None = None

    def changed(self) -> None:
        """A Service or EndpointSlice changed."""
        self._zone = None
        self._dirty.set()

    def zone(self) -> Zone:
        """Names as they are now."""
        if self._zone is None:
            services = self._objects.all("Service") if self._objects is not None else ()
            slices = self._objects.all("EndpointSlice") if self._objects is not None else ()
            ranges = (self._mesh.plan.pod_cidr, self._mesh.plan.service_cidr)
            self._zone = make_zone(self._domain, ranges, services, slices_by_service(slices))
        return self._zone

    def look_at(self, objects: Objects) -> None:
        """Where the objects are, once there is something to see."""
        self._objects = objects
        self.changed()

    async def run(self, objects: Objects) -> None:
        """Apply differences for as long as the node agent runs."""
        await objects.synced()
        self.look_at(objects)
        while True:
            await self._dirty.wait()
            await self._clock.sleep(_GATHER)
            self._dirty.clear()
            slices = slices_by_service(objects.all("EndpointSlice"))
            wanted = service_ports(self._mesh.plan, objects.all("Service"), slices)
            await self._apply(wanted)

    async def _apply(self, wanted: dict[str, ServicePort]) -> None:
        """Load the differences.

        The first time, and when the kernel's table is not what it should be, everything is replaced in one
        transaction: an earlier node agent's rules are in force until then.
        """
        whole = rules_base(self._mesh.plan) + rules_delta({}, wanted)
        script = whole if self._ports is None else rules_delta(self._ports, wanted)
        if not script:
            return
        try:
            await asyncio.to_thread(apply_rules, self._mesh.netns, script)
        except NodeError as error:
            if script is whole:
                raise
            log.warning("%s; loading all rules again", error)
            await asyncio.to_thread(apply_rules, self._mesh.netns, whole)
        self._ports = wanted
