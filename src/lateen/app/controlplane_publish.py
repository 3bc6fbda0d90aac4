"""Writes what the control plane wants to exist: the mesh's roots in each namespace and in our webhooks.

In: queries of `lateen.desired.trust`, which name only what is missing or wrong. Out: writes to the Kubernetes API.
Rule: what cannot be written is tried again a little later; others' fields are never touched.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable

from lateen.adapters import kube_write
from lateen.adapters.clock import Clock
from lateen.adapters.http.kube_error import KubeError
from lateen.adapters.http.kube_session import KubeSession
from lateen.adapters.http.paths import path_of
from lateen.controlplane.plane import ControlPlane
from lateen.desired.trust import (
    CONFIG_MAP,
    DATA_KEY,
    PEM,
    ROOTS,
    BundlePatch,
    namespaces_without_root,
    root_config_map,
    webhooks_without_bundle,
)
from lateen.resources.kinds import KINDS

log = logging.getLogger(__name__)

RETRY = 1.0
"""Seconds."""
KIND = {kind.kind: kind for kind in KINDS}
JSON_PATCH = "application/json-patch+json"


class Publisher:
    """See the module's docstring."""

    def __init__(self, kube: KubeSession, plane: ControlPlane, clock: Clock) -> None:
        self._kube = kube
        self._plane = plane
        self._clock = clock
        self._changed = asyncio.Event()
        self._namespaces = plane.observe(self._changed.set, namespaces_without_root)
        self._webhooks = plane.observe(self._changed.set, webhooks_without_bundle)
        self._changed.set()

    async def run(self) -> None:
        """Keep the cluster as it should be, for ever."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            if not await self._write_all():
                await self._clock.sleep(RETRY)
                self._changed.set()

    async def _write_all(self) -> bool:
        pem = self._plane.db.get(ROOTS, PEM)
        if pem is None:
            return True
        done = [await self._tried(self._write_root(namespace, pem)) for namespace in self._namespaces.read()]
        done += [await self._tried(self._write_bundle(patch)) for patch in self._webhooks.read()]
        return all(done)

    async def _tried(self, write: Awaitable[None]) -> bool:
        try:
            await write
        except KubeError as error:
            if error.status == 404:  # the namespace went meanwhile; the watch will tell
                return True
            log.warning("cannot write the mesh's roots: %s; trying again", error)
            return False
        return True

    async def _write_root(self, namespace: str, pem: str) -> None:
        kind = KIND["ConfigMap"]
        try:
            await kube_write.create(self._kube, kind, root_config_map(namespace, pem))
        except KubeError as error:
            if error.status != 409:
                raise
            patch = {"data": {DATA_KEY: pem}}
            await kube_write.patch_merge(self._kube, kind, namespace, CONFIG_MAP, patch)

    async def _write_bundle(self, patch: BundlePatch) -> None:
        path = path_of(KIND[patch.kind], "", patch.name)
        await self._kube.request("PATCH", path, patch.operations(), content_type=JSON_PATCH)
