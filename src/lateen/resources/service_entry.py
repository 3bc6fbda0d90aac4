"""ServiceEntry: a service that the registry does not know, inside or outside of the mesh.

Reference: https://istio.io/latest/docs/reference/config/networking/service-entry/
In: the `spec` of the object. Out: frozen structs. Rule: addresses and hosts stay as written; `mesh` expands them.
"""

from typing import Literal

from lateen.resources.selectors import LabelSelector
from lateen.resources.structs import IstioStruct
from lateen.resources.workload_entry import WorkloadEntrySpec

Location = Literal["MESH_EXTERNAL", "MESH_INTERNAL"]
Resolution = Literal["NONE", "STATIC", "DNS", "DNS_ROUND_ROBIN", "DYNAMIC_DNS"]


class ServiceEntryPort(IstioStruct):
    """A port of the service. .../service-entry/#ServicePort."""

    number: int
    name: str
    protocol: str | None = None
    target_port: int | None = None


class ServiceEntrySpec(IstioStruct):
    """Hosts, addresses, ports and endpoints. .../service-entry/#ServiceEntry."""

    hosts: tuple[str, ...]
    addresses: tuple[str, ...] = ()
    ports: tuple[ServiceEntryPort, ...] = ()
    location: Location = "MESH_EXTERNAL"
    resolution: Resolution = "NONE"
    endpoints: tuple[WorkloadEntrySpec, ...] = ()
    workload_selector: LabelSelector | None = None
    export_to: tuple[str, ...] = ()
    subject_alt_names: tuple[str, ...] = ()
