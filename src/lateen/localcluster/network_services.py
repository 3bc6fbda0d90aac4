"""Services and their endpoints as rows of the map of Service addresses.

In: Service and EndpointSlice objects. Out: `ServicePort`s by chain name, for `network_plan.rules_delta`. Rules kept:
only addresses that may take traffic are backends (ready ones; where none is ready, those that still serve while they
end; all of them with
`publishNotReadyAddresses`); malformed addresses of a hand-written EndpointSlice never reach the rules.
"""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from lateen.localcluster.network_plan import Backend, MeshPlan, ServicePort

__all__ = ["SERVICE_NAME", "Key", "service_ports", "slices_by_service"]

JSON = dict[str, Any]
Key = tuple[str, str]
SERVICE_NAME = "kubernetes.io/service-name"
_PROTOCOLS = frozenset({"tcp", "udp"})


def slices_by_service(slices: Iterable[JSON]) -> dict[Key, list[JSON]]:
    """EndpointSlices by the (namespace, name) of their Service."""
    found: dict[Key, list[JSON]] = defaultdict(list)
    for item in slices:
        meta = item["metadata"]
        name = (meta.get("labels") or {}).get(SERVICE_NAME)
        if name and item.get("addressType", "IPv4") == "IPv4":
            found[meta.get("namespace", ""), name].append(item)
    return found


def service_ports(
    plan: MeshPlan, services: Iterable[JSON], slices: Mapping[Key, Iterable[JSON]]
) -> dict[str, ServicePort]:
    """All rows of the map. The addresses of the API server and of DNS are in the rules already."""
    fixed = {plan.dns_address, plan.kubernetes_address}
    found: dict[str, ServicePort] = {}
    for service in services:
        meta, spec = service["metadata"], service.get("spec") or {}
        own = list(slices.get((meta.get("namespace", ""), meta["name"]), ()))
        for row in _rows(plan, service, spec, own):
            if row.address not in fixed:
                found.setdefault(row.chain, row)
    return found


def _rows(plan: MeshPlan, service: JSON, spec: JSON, slices: list[JSON]) -> Iterator[ServicePort]:
    sticky = spec.get("sessionAffinity") == "ClientIP"
    publish = bool(spec.get("publishNotReadyAddresses"))
    addresses = sorted(_addresses(service, spec))
    for port in spec.get("ports") or ():
        protocol = str(port.get("protocol") or "TCP").lower()
        if protocol not in _PROTOCOLS:
            continue
        backends = tuple(sorted(set(_backends(slices, port.get("name") or "", publish))))
        for address in addresses:
            yield ServicePort(address, protocol, int(port["port"]), backends, sticky)
        if port.get("nodePort"):
            yield ServicePort(plan.mesh_address, protocol, int(port["nodePort"]), backends, sticky)


def _addresses(service: JSON, spec: JSON) -> set[str]:
    """Every address at which the Service answers."""
    status = (service.get("status") or {}).get("loadBalancer") or {}
    given = [spec.get("clusterIP"), *(spec.get("externalIPs") or ())]
    given += [item.get("ip") for item in status.get("ingress") or ()]
    return {address for address in given if address and _is_ipv4(address)}


def _backends(slices: list[JSON], port_name: str, publish: bool) -> Iterator[Backend]:
    ready, ending = [], []
    for item in slices:
        numbers = [port.get("port") for port in item.get("ports") or () if (port.get("name") or "") == port_name]
        for endpoint in item.get("endpoints") or ():
            conditions = endpoint.get("conditions") or {}
            rows = [Backend(address, int(number)) for address in endpoint["addresses"] for number in numbers if number]
            if publish or conditions.get("ready") is not False:
                ready += rows
            elif conditions.get("serving") and conditions.get("terminating"):
                ending += rows
    return (backend for backend in ready or ending if _is_ipv4(backend.address))


def _is_ipv4(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True
