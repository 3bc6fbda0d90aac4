"""The small kinds of the Kubernetes core: namespaces, nodes, services, endpoints, settings, accounts, events, leases.

Reference: https://kubernetes.io/docs/reference/kubernetes-api/
In: objects of the API server. Out: frozen structs with the fields that the mesh and the controllers read.
Rule: kinds without a `spec` (ConfigMap, Secret, ...) have their own fields in the struct named `<Kind>Spec`.
"""

import base64
import binascii
from typing import Any, Literal

import msgspec

from lateen.resources.structs import KubeStruct

ServiceType = Literal["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"]
Protocol = Literal["TCP", "UDP", "SCTP"]


class ObjectReference(KubeStruct):
    """Another object, by kind and name."""

    api_version: str | None = None
    kind: str | None = None
    namespace: str | None = None
    name: str | None = None
    uid: str | None = None
    field_path: str | None = None


class NamespaceSpec(KubeStruct):
    """A namespace has nothing to say but its labels, which are in the metadata."""

    finalizers: tuple[str, ...] = ()


class NodeSpec(KubeStruct):
    """A machine."""

    pod_cidr: str | None = msgspec.field(default=None, name="podCIDR")
    unschedulable: bool = False


class NodeAddress(KubeStruct):
    """An address of a machine and what sort it is (`InternalIP`, `Hostname`, ...)."""

    type: str = ""
    address: str = ""


class NodeInfo(KubeStruct):
    """Versions on a machine."""

    kubelet_version: str | None = None
    architecture: str | None = None


class NodeStatus(KubeStruct):
    """Where a machine can be reached."""

    addresses: tuple[NodeAddress, ...] = ()
    node_info: NodeInfo | None = None


class ServicePort(KubeStruct):
    """A port of a service. `target_port` is a number or the name of a container's port; absent means `port`."""

    port: int
    name: str = ""
    protocol: Protocol = "TCP"
    app_protocol: str | None = None
    target_port: int | str | None = None
    node_port: int | None = None


class ServiceSpec(KubeStruct):
    """A service. `cluster_ip` is "None" for a headless one and "" where none is allocated."""

    type: ServiceType = "ClusterIP"
    selector: dict[str, str] = {}
    ports: tuple[ServicePort, ...] = ()
    cluster_ip: str = msgspec.field(default="", name="clusterIP")
    cluster_ips: tuple[str, ...] = msgspec.field(default=(), name="clusterIPs")
    external_ips: tuple[str, ...] = msgspec.field(default=(), name="externalIPs")
    external_name: str | None = None
    ip_families: tuple[str, ...] = ()
    ip_family_policy: str | None = None
    publish_not_ready_addresses: bool = False
    session_affinity: str | None = None
    internal_traffic_policy: str | None = None
    external_traffic_policy: str | None = None
    load_balancer_ip: str | None = msgspec.field(default=None, name="loadBalancerIP")
    load_balancer_class: str | None = None
    traffic_distribution: str | None = None


class LoadBalancerIngress(KubeStruct):
    """An address at which a load balancer takes traffic."""

    ip: str | None = None
    hostname: str | None = None


class LoadBalancerStatus(KubeStruct):
    """What a load balancer has been given."""

    ingress: tuple[LoadBalancerIngress, ...] = ()


class ServiceStatus(KubeStruct):
    """The state of a service's load balancer."""

    load_balancer: LoadBalancerStatus = LoadBalancerStatus()


class EndpointAddress(KubeStruct):
    """An address behind a service, with the pod it belongs to."""

    ip: str
    hostname: str | None = None
    node_name: str | None = None
    target_ref: ObjectReference | None = None


class EndpointPort(KubeStruct):
    """A port behind a service; the name is that of the service's port."""

    port: int | None = None
    name: str = ""
    protocol: Protocol = "TCP"
    app_protocol: str | None = None


class EndpointSubset(KubeStruct):
    """Addresses that have the same ports."""

    addresses: tuple[EndpointAddress, ...] = ()
    not_ready_addresses: tuple[EndpointAddress, ...] = ()
    ports: tuple[EndpointPort, ...] = ()


class EndpointsSpec(KubeStruct):
    """The endpoints of the service of the same name, in the older form."""

    subsets: tuple[EndpointSubset, ...] = ()


class ConfigMapSpec(KubeStruct):
    """Settings as text."""

    data: dict[str, str] = {}
    binary_data: dict[str, str] = {}
    immutable: bool | None = None


class SecretSpec(KubeStruct):
    """Settings that are not shown; values are base64, as in the API."""

    type: str = "Opaque"
    data: dict[str, str] = {}
    string_data: dict[str, str] = {}
    immutable: bool | None = None

    def value(self, key: str) -> bytes | None:
        """Return the decoded value of a key; None if it is absent or is not base64."""
        if key in self.string_data:
            return self.string_data[key].encode()
        if key not in self.data:
            return None
        try:
            return base64.b64decode(self.data[key], validate=True)
        except (binascii.Error, ValueError):
            return None


class ServiceAccountSpec(KubeStruct):
    """An identity of pods."""

    secrets: tuple[ObjectReference, ...] = ()
    image_pull_secrets: tuple[ObjectReference, ...] = ()
    automount_service_account_token: bool | None = None


class EventSpec(KubeStruct):
    """Something that happened to an object."""

    involved_object: ObjectReference = ObjectReference()
    reason: str = ""
    message: str = ""
    type: str = "Normal"
    count: int | None = None
    first_timestamp: str | None = None
    last_timestamp: str | None = None
    event_time: str | None = None
    source: dict[str, Any] = {}


class LeaseSpec(KubeStruct):
    """Who leads, and until when."""

    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    acquire_time: str | None = None
    renew_time: str | None = None
    lease_transitions: int | None = None
