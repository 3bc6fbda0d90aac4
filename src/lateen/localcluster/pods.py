"""A pod as the node agent reads it: every field that decides how its containers run.

In: a Pod object of the API server. Out: a frozen `Pod`, or a `PodError` with the path of the field that makes no
sense. Rule: what is read here is carried out or reported; the object itself stays whole in `raw`, since statuses are
written against it.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from lateen.resources.structs import KubeStruct

__all__ = [
    "Container",
    "Handler",
    "Pod",
    "PodError",
    "PodSpec",
    "Probe",
    "Volume",
    "VolumeMount",
    "is_sidecar",
    "not_in_force",
    "read_pod",
]

JSON = dict[str, Any]


class PodError(ValueError):
    """A pod object cannot be run as it is; the message names the field."""


class HttpHeader(KubeStruct):
    name: str
    value: str = ""


class HttpGet(KubeStruct):
    port: int | str
    path: str = "/"
    host: str = ""
    scheme: str = "HTTP"
    http_headers: tuple[HttpHeader, ...] = ()


class TcpSocket(KubeStruct):
    port: int | str
    host: str = ""


class ExecAction(KubeStruct):
    command: tuple[str, ...] = ()


class GrpcAction(KubeStruct):
    port: int
    service: str | None = None


class SleepAction(KubeStruct):
    seconds: int


class Handler(KubeStruct):
    """What a lifecycle hook does."""

    http_get: HttpGet | None = None
    tcp_socket: TcpSocket | None = None
    exec: ExecAction | None = None
    sleep: SleepAction | None = None


class Probe(KubeStruct):
    """How a container's health is found out. Defaults are Kubernetes'."""

    http_get: HttpGet | None = None
    tcp_socket: TcpSocket | None = None
    exec: ExecAction | None = None
    grpc: GrpcAction | None = None
    initial_delay_seconds: int = 0
    timeout_seconds: int = 1
    period_seconds: int = 10
    success_threshold: int = 1
    failure_threshold: int = 3
    termination_grace_period_seconds: int | None = None


class Lifecycle(KubeStruct):
    post_start: Handler | None = None
    pre_stop: Handler | None = None


class ContainerPort(KubeStruct):
    container_port: int
    name: str = ""
    protocol: str = "TCP"
    host_port: int | None = None


class KeyRef(KubeStruct):
    """A key of a ConfigMap or Secret."""

    key: str
    name: str = ""
    optional: bool = False


class FieldRef(KubeStruct):
    field_path: str


class ResourceFieldRef(KubeStruct):
    resource: str
    container_name: str = ""
    divisor: str | int | float = "1"


class EnvSource(KubeStruct):
    field_ref: FieldRef | None = None
    resource_field_ref: ResourceFieldRef | None = None
    config_map_key_ref: KeyRef | None = None
    secret_key_ref: KeyRef | None = None


class EnvVar(KubeStruct):
    name: str
    value: str | None = None
    value_from: EnvSource | None = None


class ObjectRef(KubeStruct):
    name: str = ""
    optional: bool = False


class EnvFrom(KubeStruct):
    prefix: str = ""
    config_map_ref: ObjectRef | None = None
    secret_ref: ObjectRef | None = None


class Resources(KubeStruct):
    requests: dict[str, str | int | float] = msgspec.field(default_factory=dict)
    limits: dict[str, str | int | float] = msgspec.field(default_factory=dict)


class VolumeMount(KubeStruct):
    name: str
    mount_path: str
    read_only: bool = False
    sub_path: str = ""
    sub_path_expr: str = ""


class Capabilities(KubeStruct):
    add: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()


class SecurityContext(KubeStruct):
    """Of a container; unset fields take the pod's."""

    run_as_user: int | None = None
    run_as_group: int | None = None
    run_as_non_root: bool | None = None
    privileged: bool = False
    allow_privilege_escalation: bool | None = None
    read_only_root_filesystem: bool = False
    capabilities: Capabilities = Capabilities()


class Container(KubeStruct):
    """A container. `restart_policy` "Always" on an init container makes it a native sidecar."""

    name: str
    image: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    working_dir: str = ""
    ports: tuple[ContainerPort, ...] = ()
    env: tuple[EnvVar, ...] = ()
    env_from: tuple[EnvFrom, ...] = ()
    resources: Resources = Resources()
    volume_mounts: tuple[VolumeMount, ...] = ()
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    startup_probe: Probe | None = None
    lifecycle: Lifecycle = Lifecycle()
    security_context: SecurityContext = SecurityContext()
    restart_policy: str | None = None
    termination_message_path: str = "/dev/termination-log"
    termination_message_policy: str = "File"
    image_pull_policy: str = ""
    stdin: bool = False
    stdin_once: bool = False
    tty: bool = False


class KeyToPath(KubeStruct):
    key: str
    path: str
    mode: int | None = None


class ConfigMapSource(KubeStruct):
    """Of a volume (`name`) or of a projection."""

    name: str = ""
    items: tuple[KeyToPath, ...] = ()
    default_mode: int | None = None
    optional: bool = False


class SecretSource(KubeStruct):
    """Of a volume (`secretName`) or of a projection (`name`)."""

    secret_name: str = ""
    name: str = ""
    items: tuple[KeyToPath, ...] = ()
    default_mode: int | None = None
    optional: bool = False


class DownwardFile(KubeStruct):
    path: str
    field_ref: FieldRef | None = None
    resource_field_ref: ResourceFieldRef | None = None
    mode: int | None = None


class DownwardSource(KubeStruct):
    items: tuple[DownwardFile, ...] = ()
    default_mode: int | None = None


class TokenSource(KubeStruct):
    path: str
    audience: str = ""
    expiration_seconds: int = 3600


class Projection(KubeStruct):
    config_map: ConfigMapSource | None = None
    secret: SecretSource | None = None
    downward_api: DownwardSource | None = msgspec.field(default=None, name="downwardAPI")
    service_account_token: TokenSource | None = None


class ProjectedSource(KubeStruct):
    sources: tuple[Projection, ...] = ()
    default_mode: int | None = None


class EmptyDir(KubeStruct):
    medium: str = ""
    size_limit: str | int | float | None = None


class HostPath(KubeStruct):
    path: str
    type: str = ""


class Volume(KubeStruct):
    """A volume; exactly one source is set. One that this node cannot provide has none of these."""

    name: str
    config_map: ConfigMapSource | None = None
    secret: SecretSource | None = None
    projected: ProjectedSource | None = None
    downward_api: DownwardSource | None = msgspec.field(default=None, name="downwardAPI")
    empty_dir: EmptyDir | None = None
    host_path: HostPath | None = None


class PodSecurityContext(KubeStruct):
    run_as_user: int | None = None
    run_as_group: int | None = None
    run_as_non_root: bool | None = None
    fs_group: int | None = None
    supplemental_groups: tuple[int, ...] = ()
    sysctls: tuple[dict[str, str], ...] = ()


class HostAlias(KubeStruct):
    ip: str
    hostnames: tuple[str, ...] = ()


class DnsOption(KubeStruct):
    name: str
    value: str | None = None


class DnsConfig(KubeStruct):
    nameservers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[DnsOption, ...] = ()


class ReadinessGate(KubeStruct):
    condition_type: str


class PodSpec(KubeStruct):
    """What is wanted of a pod."""

    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    volumes: tuple[Volume, ...] = ()
    restart_policy: str = "Always"
    termination_grace_period_seconds: int | None = None
    active_deadline_seconds: int | None = None
    dns_policy: str = "ClusterFirst"
    dns_config: DnsConfig = DnsConfig()
    node_name: str = ""
    host_network: bool = False
    security_context: PodSecurityContext = PodSecurityContext()
    hostname: str = ""
    subdomain: str = ""
    host_aliases: tuple[HostAlias, ...] = ()
    service_account_name: str = "default"
    enable_service_links: bool = True
    readiness_gates: tuple[ReadinessGate, ...] = ()

    @property
    def grace(self) -> float:
        """Seconds between asking a container to stop and making it."""
        return 30.0 if self.termination_grace_period_seconds is None else self.termination_grace_period_seconds


class Pod(msgspec.Struct, frozen=True):
    """A pod to run. `deleting` is its deletionTimestamp ("" = none), `grace` what the deletion allows in seconds."""

    namespace: str
    name: str
    uid: str
    spec: PodSpec
    raw: JSON
    deleting: str = ""
    grace: float = 30.0

    @property
    def host_name(self) -> str:
        """What `hostname` says inside; at most 63 characters."""
        return (self.spec.hostname or self.name)[:63].rstrip("-.")

    @property
    def labels(self) -> dict[str, str]:
        return self.raw["metadata"].get("labels") or {}

    @property
    def annotations(self) -> dict[str, str]:
        return self.raw["metadata"].get("annotations") or {}

    def container(self, name: str) -> Container | None:
        """The container or init container of that name."""
        return next((found for found in self.all_containers if found.name == name), None)

    @property
    def all_containers(self) -> tuple[Container, ...]:
        return self.spec.init_containers + self.spec.containers


_NOT_OFFERED = ("shareProcessNamespace", "hostPID", "hostIPC", "runtimeClassName", "ephemeralContainers")
_NOT_OFFERED_SECURITY = ("appArmorProfile", "seLinuxOptions", "windowsOptions", "procMount")


def not_in_force(pod: Pod) -> tuple[str, ...]:
    """Paths of fields that the pod sets and that pods of a local mesh do not honour; a user is told, never left to
    guess.
    """
    spec = pod.raw.get("spec") or {}
    found = [f"spec.{name}" for name in _NOT_OFFERED if spec.get(name)]
    found += _security_fields("spec", spec.get("securityContext") or {})
    for kind in ("initContainers", "containers"):
        for number, container in enumerate(spec.get(kind) or ()):
            path = f"spec.{kind}[{number}]"
            found += [f"{path}.ports[].hostPort" for port in container.get("ports") or () if port.get("hostPort")][:1]
            found += [f"{path}.{name}" for name in ("volumeDevices", "resizePolicy") if container.get(name)]
            found += _security_fields(path, container.get("securityContext") or {})
    return tuple(found)


def _security_fields(path: str, security: JSON) -> list[str]:
    """A profile of one's own for system calls is not loaded; the defaults that manifests often name ask for nothing
    more.
    """
    found = [f"{path}.securityContext.{name}" for name in _NOT_OFFERED_SECURITY if security.get(name)]
    if (security.get("seccompProfile") or {}).get("type") == "Localhost":
        found.append(f"{path}.securityContext.seccompProfile")
    return found


def is_sidecar(container: Container) -> bool:
    """Whether an init container is a native sidecar, which keeps running."""
    return container.restart_policy == "Always"


def read_pod(raw: JSON) -> Pod:
    """The pod that an object describes. Raises `PodError`. Nulls count as absent, as in Kubernetes."""
    try:
        spec = msgspec.convert(_with_sources(_without_nulls(raw.get("spec") or {})), PodSpec, strict=False)
    except msgspec.ValidationError as error:
        raise PodError(f"spec: {error}") from error
    meta = raw["metadata"]
    _check_names(meta, spec)
    grace = meta.get("deletionGracePeriodSeconds")
    return Pod(
        namespace=meta.get("namespace", ""),
        name=meta["name"],
        uid=meta["uid"],
        spec=spec,
        raw=raw,
        deleting=meta.get("deletionTimestamp") or "",
        grace=spec.grace if grace is None else float(grace),
    )


_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_UID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}")


def _check_names(meta: JSON, spec: PodSpec) -> None:
    """Names become parts of paths on this machine. The API server has checked them; nothing here relies on that."""
    if not _NAME.fullmatch(meta["name"]) or not _LABEL.fullmatch(meta.get("namespace", "default")):
        raise PodError(f"metadata: {str(meta['name'])[:80]!r} is no name of a pod")
    if not _UID.fullmatch(meta["uid"]):
        raise PodError(f"metadata.uid: {str(meta['uid'])[:80]!r} is no uid")
    names = [container.name for container in (*spec.init_containers, *spec.containers)]
    for name in names:
        if not _LABEL.fullmatch(name) or names.count(name) > 1:
            raise PodError(f"spec.containers: {name[:80]!r} is no name of a container, or two have it")


def _with_sources(spec: JSON) -> JSON:
    """A volume that names no source is an emptyDir."""
    volumes = spec.get("volumes")
    if not isinstance(volumes, list):
        return spec
    return {**spec, "volumes": [{**item, "emptyDir": {}} if _is_bare(item) else item for item in volumes]}


def _is_bare(volume: Any) -> bool:
    return isinstance(volume, dict) and volume.keys() == {"name"}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value
