"""WorkloadEntry: one workload that is no pod, such as a virtual machine; also the endpoint type of ServiceEntry.

Reference: https://istio.io/latest/docs/reference/config/networking/workload-entry/
In: the `spec` of the object. Out: frozen structs.
"""

from lateen.resources.structs import IstioStruct


class WorkloadEntrySpec(IstioStruct):
    """Address, ports by name, labels and place of a workload. .../workload-entry/#WorkloadEntry."""

    address: str | None = None
    ports: dict[str, int] = {}
    labels: dict[str, str] = {}
    network: str | None = None
    locality: str | None = None
    weight: int | None = None
    service_account: str | None = None
