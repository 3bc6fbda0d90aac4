"""A pod's volumes on this machine: made before its containers, kept up to date while they run.

In: the pod, its sandbox, objects and tokens. Out: a directory or file per volume, and the mounts of a container.
Rules kept: a missing object holds the pod back with a sentence that names it; a running pod keeps the last good
content when an object goes away.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from lateen.adapters.node.context import NodeContext
from lateen.adapters.node.namespaces import NodeError
from lateen.adapters.node.rootfs import make_beneath
from lateen.adapters.node.sandbox import Sandbox
from lateen.adapters.node.volumedirs import check_host_path, make_empty, write_content
from lateen.localcluster.env import MissingError, expand
from lateen.localcluster.pods import Container, Pod, PodError, Volume
from lateen.localcluster.pods_fields import PodFacts
from lateen.localcluster.pods_root import Mount
from lateen.localcluster.resources import quantity
from lateen.localcluster.volumes import TokenWanted, content_of, is_content, tokens_of

__all__ = ["PodVolumes"]

_RENEW_AT = 0.8
_RETRY_TOKEN = 10.0


class PodVolumes:
    """The volumes of one pod."""

    def __init__(self, context: NodeContext, pod: Pod, sandbox: Sandbox, facts: PodFacts) -> None:
        self._context = context
        self._pod = pod
        self._sandbox = sandbox
        self._facts = facts
        self._tokens: dict[TokenWanted, str] = {}
        self._renew_at: dict[TokenWanted, float] = {}
        self._versions = 0

    async def make(self) -> float:
        """Make or update all volumes; returns when to come again (on the monotonic clock, 0 = only when objects
        change).

        Raises `MissingError`, `PodError` or `NodeError`.
        """
        await self._fetch_tokens()
        for volume in self._pod.spec.volumes:
            self._make_one(volume)
        return min(self._renew_at.values(), default=0.0)

    async def refresh(self) -> float:
        """As `make`, for a pod that runs: what is missing now leaves the old content in place."""
        await self._fetch_tokens()
        for volume in filter(is_content, self._pod.spec.volumes):
            try:
                self._make_one(volume)
            except MissingError:
                continue
        return min(self._renew_at.values(), default=0.0)

    def mounts(self, container: Container, env: dict[str, str]) -> tuple[Mount, ...]:
        """Where the container sees its volumes. Raises `PodError` for a mount without a volume or a bad subPath."""
        found = []
        for mount in container.volume_mounts:
            volume = next((item for item in self._pod.spec.volumes if item.name == mount.name), None)
            if volume is None:
                raise PodError(f"container {container.name}: no volume is named {mount.name!r}")
            if not mount.mount_path.startswith("/"):
                raise PodError(f"container {container.name}: mountPath {mount.mount_path!r} is not absolute")
            place = self.path(volume)
            sub = mount.sub_path or expand(mount.sub_path_expr, env)
            read_only = mount.read_only or is_content(volume)
            if sub:
                source = make_beneath(place, sub, create=not is_content(volume))
                found.append(Mount(source, mount.mount_path, read_only, within=str(place)))
            else:
                found.append(Mount(str(place), mount.mount_path, read_only))
        return tuple(found)

    def path(self, volume: Volume) -> Path:
        """Where a volume is on this machine."""
        if volume.host_path is not None:
            return Path(volume.host_path.path)
        name = hashlib.sha256(volume.name.encode()).hexdigest()[:16]
        on_disk = volume.empty_dir is not None and volume.empty_dir.medium != "Memory"
        top = self._context.volume_dir / self._pod.uid if on_disk else Path(self._sandbox.directory) / "volumes"
        return top / name

    def _make_one(self, volume: Volume) -> None:
        group = self._pod.spec.security_context.fs_group
        if is_content(volume):
            content = content_of(self._pod, volume, self._facts, self._context.lookup, self._tokens)
            self._versions += 1
            version = f"{int(self._context.clock.now() * 1000)}_{self._versions}"
            write_content(self.path(volume), content, version, group)
        elif volume.empty_dir is not None:
            size = int(quantity(volume.empty_dir.size_limit)) if volume.empty_dir.size_limit is not None else 0
            self._context.volume_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            make_empty(self.path(volume), memory=volume.empty_dir.medium == "Memory", size=size, group=group)
        elif volume.host_path is not None:
            check_host_path(volume.host_path.path, volume.host_path.type)
        else:
            offered = "configMap, secret, projected, downwardAPI, emptyDir and hostPath"
            raise NodeError(f"volume {volume.name!r}: this node offers {offered}")

    async def _fetch_tokens(self) -> None:
        """Ask for missing tokens and renew those that have lived four fifths of their time."""
        now = self._context.clock.monotonic()
        for wanted in tokens_of(self._pod.spec.volumes):
            if wanted in self._tokens and now < self._renew_at[wanted]:
                continue
            try:
                token, expires = await self._context.api.token(self._pod, wanted.audience, wanted.seconds)
            except NodeError as error:
                self._renew_at[wanted] = now + _RETRY_TOKEN
                if wanted not in self._tokens:
                    raise MissingError("Token", wanted.audience, str(error)) from error
                continue
            self._tokens[wanted] = token
            self._renew_at[wanted] = now + (expires - self._context.clock.now()) * _RENEW_AT
