"""All proxies of a node: one agent a pod, in one process.

In: pods and their proxy containers as the node agent starts, adopts and ends them. Out: how to start Envoy,
redirection applied, certificates renewed. The rule: one pod's unusable settings are that pod's `AgentError`; the
others go on.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from lateen.adapters.agent.ca_client import CaClient
from lateen.adapters.agent.proxy_agent import Launch, Node, Place, ProxyAgent, Token
from lateen.adapters.clock import SYSTEM, Clock
from lateen.adapters.tasks import Tasks
from lateen.agent.facts import AgentSettingsError, fields_without_effect, read_facts
from lateen.agent.redirection import restore_text, routing_commands, rules, supported
from lateen.agent.redirection_settings import RedirectionError, parse_redirection

log = logging.getLogger(__name__)

__all__ = ["AgentError", "Completed", "Launch", "NodeProxies", "Ports", "Sandbox"]

ISTIO_VERSION = "1.32.0"
# How `iptables-save` shows that the chains exist: a container that runs again must not add them twice.
CHAIN_MARK = ":ISTIO_OUTPUT "


class AgentError(Exception):
    """A proxy or its redirection cannot be set up; the message is for the pod's user."""


class Sandbox(Protocol):
    """What is needed of a pod's sandbox: its uid, its directory on this machine, the path of its network namespace."""

    @property
    def uid(self) -> str: ...

    @property
    def directory(self) -> str: ...

    @property
    def netns(self) -> str: ...


class Completed(Protocol):
    """The end of a program."""

    @property
    def code(self) -> int: ...

    @property
    def out(self) -> str: ...

    @property
    def err(self) -> str: ...


@dataclass(frozen=True)
class Ports:
    """The node's side.

    `in_netns(path, function)` runs a function in a network namespace; `run_in(path, argv, stdin)` runs a program
    there; `token(namespace, account, audience, pod name, pod uid, seconds)` asks the API server for a bound token
    (raise `workload_identity.NoTokenError` if there is none); `root_cert(namespace)` is the text of `root-cert.pem`
    in ConfigMap `istio-ca-root-cert`, None while it is missing; `ca_target()` is the address (`ip:port`) of a control
    plane's port 15012; `envoy` is the path of the binary as the container sees it.
    """

    in_netns: Callable[[str, Callable[[], socket.socket]], socket.socket]
    run_in: Callable[[str, list[str], bytes], Completed]
    token: Token
    root_cert: Callable[[str], Awaitable[str | None]]
    ca_target: Callable[[], Awaitable[str]]
    tasks: Tasks
    envoy: str
    read_file: Callable[[str, str], bytes | None] = lambda _uid, _path: None
    clock: Clock = SYSTEM


class NodeProxies:
    """The agents of this node's pods by pod uid."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._authority = CaClient(ports.ca_target)
        self._node = Node(
            in_netns=ports.in_netns,
            token=ports.token,
            roots=self._roots,
            authority=self._authority,
            tasks=ports.tasks,
            envoy=ports.envoy,
            read_file=ports.read_file,
            clock=ports.clock,
        )
        self._agents: dict[str, ProxyAgent] = {}

    async def prepare(
        self, pod: Mapping[str, Any], container: Mapping[str, Any], sandbox: Sandbox, env: Mapping[str, str]
    ) -> Launch:
        """Before each start of a proxy container: its agent runs when this returns. Raises `AgentError`."""
        try:
            agent = await self._agent(pod, container, sandbox, env)
            return agent.launch()
        except AgentSettingsError as error:
            raise AgentError(str(error)) from error

    async def adopt(
        self, pod: Mapping[str, Any], container: Mapping[str, Any], sandbox: Sandbox, env: Mapping[str, str]
    ) -> None:
        """After a restart of the node agent, for a proxy container that still runs. Raises `AgentError`."""
        try:
            await self._agent(pod, container, sandbox, env)
        except AgentSettingsError as error:
            raise AgentError(str(error)) from error

    async def redirect(
        self, pod: Mapping[str, Any], container: Mapping[str, Any], sandbox: Sandbox, env: Mapping[str, str]
    ) -> str:
        """Applies the redirection that an `istio-iptables` container asks for; the text for its log.

        Raises `AgentError`.
        """
        arguments = [str(word) for word in container.get("args") or ()]
        try:
            settings = parse_redirection(arguments, env)
        except RedirectionError as error:
            raise AgentError(str(error)) from error
        if settings.mode == "NONE" or "--skip-rule-apply" in arguments:
            return "no redirection was asked for\n"
        if CHAIN_MARK in self._ports.run_in(sandbox.netns, ["iptables-save"], b"").out:
            return "the redirection of this pod is in force already\n"
        notes, settings = supported(settings)
        text = restore_text(rules(settings))
        self._run(sandbox, ["iptables-restore", "--noflush", "-w", "5"], text)
        for command in routing_commands(settings):
            self._run(sandbox, list(command), "")
        log.info("%s: traffic is redirected", (pod.get("metadata") or {}).get("name"))
        return "".join(f"# {note}\n" for note in notes) + text

    def _run(self, sandbox: Sandbox, argv: list[str], stdin: str) -> None:
        done = self._ports.run_in(sandbox.netns, argv, stdin.encode())
        if done.code != 0:
            raise AgentError(f"{argv[0]} refused the redirection: {done.err.strip()[:500]}")

    async def not_ready(self, uid: str) -> str | None:
        """None if the pod's proxy is ready, else why not."""
        agent = self._agents.get(uid)
        return await agent.not_ready() if agent else "the pod has no proxy"

    async def drain(self, uid: str, longest: float | None = None) -> None:
        """Before a proxy container gets its SIGTERM: lets connections finish, `longest` seconds at most."""
        agent = self._agents.get(uid)
        if agent is not None:
            await agent.drain(longest)

    async def release(self, uid: str) -> None:
        """The pod is gone."""
        agent = self._agents.pop(uid, None)
        if agent is not None:
            await agent.close()

    async def close(self) -> None:
        """Ends all agents; the proxies run on."""
        for uid in list(self._agents):
            await self.release(uid)
        await self._authority.close()

    async def _agent(
        self, pod: Mapping[str, Any], container: Mapping[str, Any], sandbox: Sandbox, env: Mapping[str, str]
    ) -> ProxyAgent:
        facts = read_facts(pod, [str(word) for word in container.get("args") or ()], env, ISTIO_VERSION)
        known = self._agents.get(sandbox.uid)
        if known is not None and known.facts == facts:
            return known
        await self.release(sandbox.uid)
        uid, gid = _user(pod, container)
        place = Place(sandbox.uid, Path(sandbox.directory) / "agent", sandbox.netns, uid, gid)
        if unused := fields_without_effect(facts.config):
            name = f"{facts.namespace}/{facts.pod_name}"
            log.warning("%s: these fields of its proxy configuration have no effect yet: %s", name, ", ".join(unused))
        agent = ProxyAgent(self._node, place, facts)
        try:
            await agent.start()
        except AgentSettingsError:
            await agent.close()
            raise
        self._agents[sandbox.uid] = agent
        return agent

    async def _roots(self, namespace: str) -> bytes | None:
        text = await self._ports.root_cert(namespace)
        return text.encode() if text else None


def _user(pod: Mapping[str, Any], container: Mapping[str, Any]) -> tuple[int, int]:
    """User and group of the proxy: the container's, else the pod's, else 1337."""
    own = container.get("securityContext") or {}
    whole = (pod.get("spec") or {}).get("securityContext") or {}
    uid = own.get("runAsUser", whole.get("runAsUser", 1337))
    gid = own.get("runAsGroup", whole.get("runAsGroup", 1337))
    return int(uid), int(gid)
