"""Pod: what runs, where, and how it is doing.

Reference: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
In: objects of the API server. Out: frozen structs with the fields that the mesh reads; the node agent and the
injector work on the
plain object, since they must hand back everything that they do not know.
"""

from typing import Any

import msgspec

from lateen.resources.core import Protocol
from lateen.resources.structs import KubeStruct


class ContainerPort(KubeStruct):
    """A port that a container says it listens on."""

    container_port: int
    name: str = ""
    protocol: Protocol = "TCP"
    host_port: int | None = None


class HTTPGetAction(KubeStruct):
    """A probe by HTTP."""

    port: int | str
    path: str | None = None
    host: str | None = None
    scheme: str | None = None


class TCPSocketAction(KubeStruct):
    """A probe by opening a connection."""

    port: int | str
    host: str | None = None


class GRPCAction(KubeStruct):
    """A probe by the gRPC health service."""

    port: int
    service: str | None = None


class Probe(KubeStruct):
    """How a container's state is found out; `exec` probes carry none of the other actions."""

    http_get: HTTPGetAction | None = None
    tcp_socket: TCPSocketAction | None = None
    grpc: GRPCAction | None = None
    exec: dict[str, Any] | None = None
    initial_delay_seconds: int | None = None
    period_seconds: int | None = None
    timeout_seconds: int | None = None
    success_threshold: int | None = None
    failure_threshold: int | None = None


class EnvVar(KubeStruct):
    """A variable of a container; `value_from` is left as it is."""

    name: str
    value: str | None = None
    value_from: dict[str, Any] | None = None


class VolumeMount(KubeStruct):
    """Where a volume appears in a container."""

    name: str
    mount_path: str
    sub_path: str | None = None
    read_only: bool = False


class SecurityContext(KubeStruct):
    """As whom a container or a pod runs."""

    run_as_user: int | None = None
    run_as_group: int | None = None
    privileged: bool | None = None


class Container(KubeStruct):
    """A container. `restart_policy` "Always" on an init container makes it a native sidecar."""

    name: str
    image: str | None = None
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    working_dir: str | None = None
    ports: tuple[ContainerPort, ...] = ()
    env: tuple[EnvVar, ...] = ()
    env_from: tuple[dict[str, Any], ...] = ()
    resources: dict[str, Any] = {}
    volume_mounts: tuple[VolumeMount, ...] = ()
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    startup_probe: Probe | None = None
    security_context: SecurityContext | None = None
    restart_policy: str | None = None


class PodSpec(KubeStruct):
    """What is wanted of a pod."""

    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    service_account_name: str | None = None
    service_account: str | None = None
    node_name: str | None = None
    host_network: bool = False
    hostname: str | None = None
    subdomain: str | None = None
    restart_policy: str = "Always"
    termination_grace_period_seconds: int | None = None
    automount_service_account_token: bool | None = None
    security_context: SecurityContext | None = None


class PodCondition(KubeStruct):
    """One aspect of a pod's state, such as `Ready`."""

    type: str
    status: str = "Unknown"
    reason: str | None = None
    message: str | None = None
    last_transition_time: str | None = None


class ContainerStatus(KubeStruct):
    """The state of one container; `state` has one of the keys running, waiting and terminated."""

    name: str
    ready: bool = False
    started: bool | None = None
    restart_count: int = 0
    image: str = ""
    state: dict[str, Any] = {}


class PodIP(KubeStruct):
    """One of a pod's addresses."""

    ip: str = ""


class PodStatus(KubeStruct):
    """How a pod is doing."""

    phase: str = "Pending"
    pod_ip: str = msgspec.field(default="", name="podIP")
    pod_ips: tuple[PodIP, ...] = msgspec.field(default=(), name="podIPs")
    host_ip: str = msgspec.field(default="", name="hostIP")
    conditions: tuple[PodCondition, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()
    init_container_statuses: tuple[ContainerStatus, ...] = ()
    reason: str | None = None
    start_time: str | None = None

    @property
    def ready(self) -> bool:
        """Whether the condition `Ready` is true."""
        return any(condition.type == "Ready" and condition.status == "True" for condition in self.conditions)
