"""EndpointSlice: the addresses behind a service, in pieces.

Reference: https://kubernetes.io/docs/reference/kubernetes-api/service-resources/endpoint-slice-v1/
In: objects of the API server. Out: frozen structs. Rule: the service is named by the label
`kubernetes.io/service-name`.
"""

from lateen.resources.core import EndpointPort, ObjectReference
from lateen.resources.structs import KubeStruct

SERVICE_NAME_LABEL = "kubernetes.io/service-name"


class EndpointConditions(KubeStruct):
    """What state an endpoint is in; None is unknown, which counts as ready."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class Endpoint(KubeStruct):
    """One endpoint; all of its addresses stand for the same thing."""

    addresses: tuple[str, ...] = ()
    conditions: EndpointConditions = EndpointConditions()
    hostname: str | None = None
    target_ref: ObjectReference | None = None
    node_name: str | None = None
    zone: str | None = None
    deprecated_topology: dict[str, str] = {}


class EndpointSliceSpec(KubeStruct):
    """Endpoints that share their ports."""

    address_type: str = "IPv4"
    endpoints: tuple[Endpoint, ...] = ()
    ports: tuple[EndpointPort, ...] = ()
