"""Everything about a container before it starts: its program, variables, mounts, root, limits.

In: the pod, the container, its volumes. Out: a `Launch` and the `Inside` that exec needs. Rule: what cannot be had is
an error with the reason that `kubectl get pods` shows: ErrImagePull, CreateContainerConfigError, RunContainerError.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from lateen.adapters.node.context import NodeContext, ProxyTroubleError
from lateen.adapters.node.entering import Inside
from lateen.adapters.node.launch import Launch
from lateen.adapters.node.logfiles import raw_file
from lateen.adapters.node.namespaces import NodeError
from lateen.adapters.node.podvolumes import PodVolumes
from lateen.adapters.node.runrecord import run_directory
from lateen.adapters.node.sandbox import Sandbox
from lateen.localcluster.env import MissingError, environment, expand, service_variables
from lateen.localcluster.images import ImageError, Program, resolve
from lateen.localcluster.pods import Container, Pod, PodError
from lateen.localcluster.pods_fields import PodFacts
from lateen.localcluster.pods_files import etc_files
from lateen.localcluster.pods_root import Mount, RootRequest, plan_root
from lateen.localcluster.pods_user import Credentials, UserError, credentials_of
from lateen.localcluster.resources import QuantityError, limits_of

__all__ = ["PrepareError", "Prepared", "container_directory", "prepare"]

JSON = dict[str, Any]


class PrepareError(Exception):
    """A container cannot be started now; `reason` is Kubernetes' word for it."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Prepared(msgspec.Struct, frozen=True):
    """A container that can be started; `role` and `env` as the agent beside proxies needs them."""

    launch: Launch
    inside: Inside
    message_file: str


def container_directory(context: NodeContext, pod: Pod, container: str) -> Path:
    """Where a container's logs are."""
    return context.log_dir / f"{pod.namespace}_{pod.name}_{pod.uid}" / container


async def prepare(
    context: NodeContext, pod: Pod, container: Container, sandbox: Sandbox, volumes: PodVolumes
) -> Prepared:
    """Gather it all. Raises `PrepareError`."""
    try:
        program = resolve(context.entries(), context.place, container.image, container.command, container.args)
    except ImageError as error:
        raise PrepareError("ErrImagePull", str(error)) from error
    try:
        env = container_env(context, pod, container, sandbox)
        mounts = _own_mounts(volumes.mounts(container, env), program)
        return await _assemble(context, pod, container, sandbox, _Parts(program, env, mounts))
    except (MissingError, PodError, UserError, QuantityError) as error:
        raise PrepareError("CreateContainerConfigError", str(error)) from error
    except (NodeError, OSError) as error:
        raise PrepareError("CreateContainerError", str(error)) from error
    except ProxyTroubleError as error:
        raise PrepareError("RunContainerError", str(error)) from error


def container_env(context: NodeContext, pod: Pod, container: Container, sandbox: Sandbox) -> dict[str, str]:
    """The variables of the manifest. Raises `MissingError` or `PodError`.

    The API server's own Service is known in every namespace, also without service links, as the kubelet does it.
    """
    api_server = [s for s in context.services("default") if s["metadata"]["name"] == "kubernetes"]
    linked = context.services(pod.namespace) if pod.spec.enable_service_links else []
    services = service_variables([*api_server, *linked])
    return environment(pod, container, facts_of(context, sandbox), context.lookup, services)


def facts_of(context: NodeContext, sandbox: Sandbox) -> PodFacts:
    """What the pod can be told about itself."""
    return PodFacts(sandbox.ip, context.host_ip, context.node_name, context.cores, context.memory)


class _Parts(msgspec.Struct):
    """What a launch is assembled from."""

    program: Program
    env: dict[str, str]
    mounts: tuple[Mount, ...]


async def _assemble(context: NodeContext, pod: Pod, container: Container, sandbox: Sandbox, parts: _Parts) -> Prepared:
    user = credentials_of(pod, container)
    argv = tuple(expand(word, parts.env) for word in parts.program.argv)
    mounts = parts.mounts
    if parts.program.role in ("proxy", "redirect", "front"):
        argv, mounts, user = await _beside_proxy(context, pod, container, sandbox, parts, user)
    env = {**dict(parts.program.env), "HOSTNAME": pod.host_name, **parts.env}
    if not argv:
        raise PrepareError("RunContainerError", "no command specified: neither the image nor the manifest names one")
    directory = container_directory(context, pod, container.name)
    directory.mkdir(parents=True, exist_ok=True)
    message = _message_file(sandbox, container)
    mounts = (*mounts, Mount(message, container.termination_message_path, read_only=False))
    groups = context.cgroups.make(pod.uid, container.name, _limits(container))
    launch = Launch(
        argv=argv,
        env=tuple(env.items()),
        directory=container.working_dir or parts.program.working_dir,
        user=user,
        steps=plan_root(
            context.machine, _root_request(context, pod, container, sandbox, parts.program, mounts), os.path.exists
        ),
        groups=groups,
        stdout="",
        stderr="",
        terminal=container.tty,
    )
    inside = Inside(pod.uid, container.name, user, launch.env, launch.directory, groups, 0)
    return Prepared(launch, inside, message)


def with_logs(prepared: Prepared, directory: Path, attempt: int) -> Launch:
    """The launch with the raw log files of this attempt."""
    return msgspec.structs.replace(
        prepared.launch,
        stdout=str(raw_file(directory, attempt, "stdout")),
        stderr=str(raw_file(directory, attempt, "stderr")),
    )


async def _beside_proxy(
    context: NodeContext, pod: Pod, container: Container, sandbox: Sandbox, parts: _Parts, user: Credentials
) -> tuple[tuple[str, ...], tuple[Mount, ...], Credentials]:
    """The three programs of the proxy image: redirection rules, istiod's own Envoy, or a proxy with its agent."""
    role = parts.program.role
    if role == "front":
        return _front(), parts.mounts, user
    if context.proxies is None:
        raise ProxyTroubleError("this node runs no proxies")
    raw = raw_container(pod, container.name)
    if role == "redirect":
        text = await context.proxies.redirect(pod.raw, raw, sandbox, parts.env)
        return ("printf", "%s", text), parts.mounts, user
    launch = await context.proxies.prepare(with_address(pod, sandbox), raw, sandbox, parts.env)
    parts.env.update(launch.env)
    taken = {target for _, target, _ in launch.mounts}
    kept = tuple(mount for mount in parts.mounts if mount.target not in taken)
    added = tuple(Mount(source, target, read_only) for source, target, read_only in launch.mounts)
    user = msgspec.structs.replace(user, uid=launch.uid, gid=launch.gid, capabilities=(), no_new_privileges=True)
    return launch.argv, (*kept, *added), user


def raw_container(pod: Pod, name: str) -> JSON:
    """The container as the manifest has it."""
    spec = pod.raw["spec"]
    every = [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]
    return next(item for item in every if item["name"] == name)


def with_address(pod: Pod, sandbox: Sandbox) -> JSON:
    """The pod object with its address, which the API server may not have been told yet."""
    status = {**(pod.raw.get("status") or {}), "podIP": sandbox.ip, "podIPs": [{"ip": sandbox.ip}]}
    return {**pod.raw, "status": status}


_FRONT = "/var/run/lateen/front.json"


def _front() -> tuple[str, ...]:
    """istiod's Envoy: its configuration is written by the container beside it."""
    wait = f"while [ ! -s {_FRONT} ]; do sleep 0.1; done"
    script = f"{wait}; exec envoy -c {_FRONT} --concurrency 1 --disable-hot-restart -l warning"
    return ("/bin/sh", "-c", script)


def _own_mounts(mounts: tuple[Mount, ...], program: Program) -> tuple[Mount, ...]:
    """The program's files, then the manifest's mounts, which may cover them."""
    taken = {mount.target for mount in mounts}
    files = tuple(Mount(source, target) for target, source in program.files if target not in taken)
    return files + mounts


def _root_request(
    context: NodeContext, pod: Pod, container: Container, sandbox: Sandbox, program: Program, mounts: tuple[Mount, ...]
) -> RootRequest:
    address = sandbox.ip or context.host_ip
    own = {mount.target for mount in mounts}
    files = tuple(file for file in etc_files(pod, address, context.dns) if file[0] not in own)
    return RootRequest(
        mounts=mounts,
        files=files,
        whole_machine=program.whole_machine,
        read_only=container.security_context.read_only_root_filesystem,
        privileged=container.security_context.privileged,
    )


def _message_file(sandbox: Sandbox, container: Container) -> str:
    file = run_directory(sandbox, container.name) / "termination-log"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"")
    file.chmod(0o666)
    return str(file)


def _limits(container: Container) -> Any:
    requests: Mapping[str, str | int | float] = container.resources.requests
    return limits_of(requests, container.resources.limits)
