"""What the parts of the node agent share: the machine, the mesh, the API server's side as callables.

In: built once by `app/node.py`. Out: one frozen record that is handed down. Rule: nothing here knows how an object is
fetched or a token issued; that comes as `PodApi`, so pods run in tests without any API server.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from lateen.adapters.clock import Clock
from lateen.adapters.node.cgroups import Cgroups
from lateen.adapters.node.logfiles import LogFollower
from lateen.adapters.node.meshnet import MeshNetwork
from lateen.adapters.node.sandbox import Sandbox
from lateen.adapters.tasks import Tasks
from lateen.localcluster.env import Lookup
from lateen.localcluster.images import ImageEntry, Installation
from lateen.localcluster.pods import Pod
from lateen.localcluster.pods_files import DnsSettings
from lateen.localcluster.pods_root import Machine

__all__ = ["NodeContext", "PodApi", "Proxies", "ProxyLaunch", "ProxyTroubleError"]

JSON = dict[str, Any]


class ProxyTroubleError(Exception):
    """A proxy cannot be set up; the message is for the pod's user."""


class PodApi(Protocol):
    """What a pod's worker tells and asks the API server."""

    async def status(self, pod: Pod, status: JSON) -> None:
        """Write the pod's status; a pod that is gone is no error."""

    async def removed(self, pod: Pod) -> None:
        """The pod has ended and may be removed for good."""

    def event(self, pod: Pod, kind: str, reason: str, message: str, container: str = "") -> None:
        """Tell people: `kind` is Normal or Warning."""

    async def token(self, pod: Pod, audience: str, seconds: int) -> tuple[str, float]:
        """A service account token bound to the pod, and when it expires (seconds since 1970)."""
        ...


class ProxyLaunch(Protocol):
    """How a proxy container is started; `mounts` are (path on this machine, path in the container, read-only)."""

    @property
    def argv(self) -> tuple[str, ...]: ...
    @property
    def env(self) -> Mapping[str, str]: ...
    @property
    def mounts(self) -> tuple[tuple[str, str, bool], ...]: ...
    @property
    def uid(self) -> int: ...
    @property
    def gid(self) -> int: ...


class Proxies(Protocol):
    """What runs beside proxies (package `adapters.agent`), as the node sees it. All raise `ProxyTroubleError`."""

    async def prepare(self, pod: JSON, container: JSON, sandbox: Sandbox, env: Mapping[str, str]) -> ProxyLaunch: ...
    async def adopt(self, pod: JSON, container: JSON, sandbox: Sandbox, env: Mapping[str, str]) -> None: ...
    async def redirect(self, pod: JSON, container: JSON, sandbox: Sandbox, env: Mapping[str, str]) -> str: ...
    async def drain(self, uid: str, longest: float | None = None) -> None: ...
    async def release(self, uid: str) -> None: ...


@dataclass(frozen=True)
class NodeContext:
    """Everything a pod's worker needs; `entries` gives the user's image catalogue as it is now."""

    run_dir: Path
    log_dir: Path
    volume_dir: Path
    mesh: MeshNetwork
    cgroups: Cgroups
    machine: Machine
    place: Installation
    entries: Callable[[], tuple[ImageEntry, ...]]
    lookup: Lookup
    services: Callable[[str], list[JSON]]
    api: PodApi
    proxies: Proxies | None
    tasks: Tasks
    clock: Clock
    logs: LogFollower
    dns: DnsSettings
    node_name: str
    host_ip: str
    cores: int
    memory: int
