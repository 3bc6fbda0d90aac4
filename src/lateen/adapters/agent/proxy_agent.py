"""The agent of one pod's proxy: its identity, its secrets, its status port, its bootstrap and its drain.

In: the pod's facts and the node's callables. Out: what to start (`Launch`) and servers that live as long as the pod.
The rules: everything that a pod could write to lies outside the directories used here; after a restart of this
process the same call brings the same sockets back at the same places, and Envoy reconnects by itself.
"""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from lateen.adapters.agent.ca_client import CaClient
from lateen.adapters.agent.pod_http import PodHttp, PodHttpError
from lateen.adapters.agent.private_files import private_directory, write_atomically
from lateen.adapters.agent.sds_server import SdsServer
from lateen.adapters.agent.status_server import Served, StatusServer
from lateen.adapters.agent.workload_identity import Policy, Secrets, Sources, WorkloadIdentity
from lateen.adapters.clock import SYSTEM, Clock
from lateen.adapters.tasks import Tasks
from lateen.agent.bootstrap import admin_port, bootstrap, status_port
from lateen.agent.draining import CONNECTIONS_FILTER, drain_path, open_connections
from lateen.agent.facts import AgentSettingsError, ProxyFacts
from lateen.agent.launch import envoy_arguments, seconds
from lateen.agent.metrics import targets
from lateen.agent.probes import app_probes
from lateen.resources.duration import parse_duration

log = logging.getLogger(__name__)

Result = TypeVar("Result")
InNetns = Callable[[str, Callable[[], socket.socket]], socket.socket]
Token = Callable[[str, str, str, str, str, int], Awaitable[str]]

AUDIENCE = "istio-ca"
TOKEN_SECONDS = 3600
PROXY_UID = 1337
SOCKET_MOUNT = "/var/run/secrets/workload-spiffe-uds"
CONFIG_MOUNT = "/etc/istio/proxy"
BOOTSTRAP_NAME = "envoy-rev.json"
TERMINATION_DRAIN = 5.0
DRAIN_POLL = 0.2


@dataclass(frozen=True)
class Launch:
    """How to start the proxy container: `mounts` are (host path, container path, read-only) and replace volumes
    mounted there.
    """

    argv: tuple[str, ...]
    mounts: tuple[tuple[str, str, bool], ...]
    env: dict[str, str] = field(default_factory=dict)
    uid: int = PROXY_UID
    gid: int = PROXY_UID


@dataclass(frozen=True)
class Node:
    """What every agent of this node shares; see `node_proxies.Ports` for the meaning of the callables."""

    in_netns: InNetns
    token: Token
    roots: Callable[[str], Awaitable[bytes | None]]
    authority: CaClient
    tasks: Tasks
    envoy: str
    read_file: Callable[[str, str], bytes | None]
    clock: Clock = SYSTEM


@dataclass(frozen=True)
class Place:
    """Where a pod's proxy lives: its uid, a directory that is ours alone, its network namespace, the proxy's user."""

    uid: str
    directory: Path
    netns: str
    proxy_uid: int = PROXY_UID
    proxy_gid: int = PROXY_UID


class ProxyAgent:
    """One pod's agent.

    `start` once, `launch` before every start of Envoy, `drain` before its end, `close` when the pod goes.
    """

    def __init__(self, node: Node, place: Place, facts: ProxyFacts) -> None:
        self._node, self._place, self._facts = node, place, facts
        name = f"{facts.namespace}/{facts.pod_name}"
        self._name = name
        self._pod = PodHttp(self._inside)
        sources = Sources(self._token, self._roots, node.authority, node.clock)
        self._identity = WorkloadIdentity(
            name, place.directory / "private", sources, self._changed, certificate_policy(facts)
        )
        self._identity.load()
        self._sds = SdsServer(name, place.directory / "sds", self._identity.secrets(), node.tasks, self._read_file)
        self._status = StatusServer(
            Served(
                name=name,
                pod=self._pod,
                pod_ip=facts.ip_addresses[0],
                admin_port=admin_port(facts),
                probes=app_probes(facts.env),
                targets=targets(facts.env),
                expires=lambda: self._identity.expires,
            )
        )
        self._keeper: Any = None

    @property
    def facts(self) -> ProxyFacts:
        """The facts that this agent was made from."""
        return self._facts

    async def start(self) -> None:
        """Opens socket and status port and begins to keep the certificate fresh. Raises `AgentSettingsError`."""
        private_directory(self._place.directory)
        # The proxy's user must be able to pass through to the two directories that are mounted for it.
        self._place.directory.chmod(0o711)
        await self._sds.start(self._place.proxy_uid, self._place.proxy_gid)
        await self._status.start(self._listening())
        self._keeper = self._node.tasks.start(self._identity.keep(), f"certificate of {self._name}")

    def launch(self) -> Launch:
        """Writes the bootstrap and says how to start Envoy. Raises `AgentSettingsError`."""
        self._status.proxy_restarted()
        config = self._place.directory / "config"
        config.mkdir(mode=0o755, exist_ok=True)
        text = json.dumps(bootstrap(self._facts), indent=1, sort_keys=True)
        write_atomically(config / BOOTSTRAP_NAME, text.encode(), mode=0o644)
        mounts = (
            (str(self._place.directory / "sds"), SOCKET_MOUNT, True),
            (str(config), CONFIG_MOUNT, True),
        )
        arguments = envoy_arguments(self._facts, self._node.envoy)
        return Launch(arguments, mounts, uid=self._place.proxy_uid, gid=self._place.proxy_gid)

    async def not_ready(self) -> str | None:
        """None if the proxy is ready, else why not."""
        return await self._status.not_ready()

    async def drain(self, longest: float | None = None) -> None:
        """Asks Envoy to finish, and waits for that.

        Returns when no connection is left, or after `terminationDrainDuration` or `longest` seconds.
        """
        wanted = seconds(self._facts, "terminationDrainDuration", TERMINATION_DRAIN)
        limit = wanted if longest is None else min(wanted, longest)
        try:
            await self._status.admin("POST", drain_path(self._facts.role))
            end = self._node.clock.monotonic() + limit
            while self._node.clock.monotonic() < end and await self._connections():
                await self._node.clock.sleep(DRAIN_POLL)
        except PodHttpError as error:
            log.info("%s: nothing to drain: %s", self._name, error)

    async def close(self) -> None:
        """Closes socket and port. The files stay until the pod's directory goes."""
        if self._keeper is not None:
            self._keeper.cancel()
        await self._status.close()
        await self._sds.close()
        await self._pod.close()

    async def _connections(self) -> int:
        answer = await self._status.admin("GET", f"/stats?filter={CONNECTIONS_FILTER}")
        return open_connections(answer.body.decode(errors="replace"), self._facts.role)

    def _changed(self, secrets: Secrets) -> None:
        self._sds.update(secrets)

    def _read_file(self, path: str) -> bytes | None:
        return self._node.read_file(self._place.uid, path)

    async def _token(self) -> str:
        facts = self._facts
        return await self._node.token(
            facts.namespace, facts.service_account, AUDIENCE, facts.pod_name, self._place.uid, TOKEN_SECONDS
        )

    async def _roots(self) -> bytes | None:
        return await self._node.roots(self._facts.namespace)

    def _inside(self) -> socket.socket:
        return self._node.in_netns(self._place.netns, _tcp_socket)

    def _listening(self) -> socket.socket:
        port = status_port(self._facts)

        def listen() -> socket.socket:
            made = _tcp_socket()
            try:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                made.bind(("0.0.0.0", port))
                made.listen(128)
            except OSError:
                made.close()
                raise
            return made

        try:
            return self._node.in_netns(self._place.netns, listen)
        except OSError as error:
            raise AgentSettingsError(
                f"port {port} of the pod, which the mesh needs for status, cannot be opened: {error}"
            ) from error


def certificate_policy(facts: ProxyFacts) -> Policy:
    """Lifetime and grace from `SECRET_TTL` and `SECRET_GRACE_PERIOD_RATIO`. Raises `AgentSettingsError`."""
    default = Policy()
    lifetime, grace = facts.env.get("SECRET_TTL"), facts.env.get("SECRET_GRACE_PERIOD_RATIO")
    try:
        return Policy(
            int(parse_duration(lifetime)) if lifetime else default.lifetime_seconds,
            min(max(float(grace), 0.0), 1.0) if grace else default.grace,
        )
    except ValueError as error:
        raise AgentSettingsError(f"SECRET_TTL or SECRET_GRACE_PERIOD_RATIO: {error}") from error


def _tcp_socket() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
