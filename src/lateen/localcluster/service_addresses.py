"""Cluster addresses and node ports of Services.

In: a Service that is about to be stored, the Services that exist, the mesh's service network. Out: the Service with
its addresses. The rules: addresses come from the service network, are unique, survive updates, and two are kept for
`kubernetes` (.1) and `kube-dns` (.10); headless and ExternalName Services have none.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any

from lateen.localcluster.errors import ApiError, FieldError, internal, invalid
from lateen.localcluster.validation_meta import bad_value
from lateen.localcluster.validation_service import NODE_PORTS

JSON = dict[str, Any]
RESERVED = {1: ("default", "kubernetes"), 10: ("kube-system", "kube-dns")}
FIRST_DYNAMIC = 16
WITH_NODE_PORTS = ("NodePort", "LoadBalancer")


def assigned(service: JSON, others: Iterable[JSON], network: str) -> JSON:
    """The Service with its cluster address and node ports. Raises `ApiError` 422 for one that is taken or outside."""
    spec = dict(service["spec"])
    existing = [other for other in others if other["metadata"].get("uid") != service["metadata"].get("uid")]
    if spec["type"] == "ExternalName":
        for key in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
            spec.pop(key, None)
        return {**service, "spec": spec}
    if not spec.get("clusterIP"):
        spec["clusterIP"] = _free_address(existing, network)
    elif spec["clusterIP"] != "None":
        _check_address(service, existing, network)
    spec["clusterIPs"] = [spec["clusterIP"]]
    spec.setdefault("ipFamilies", ["IPv4"])
    spec.setdefault("ipFamilyPolicy", "SingleStack")
    spec["ports"] = _with_node_ports(service, existing) if spec.get("ports") else spec.get("ports")
    if not spec["ports"]:
        del spec["ports"]
    return {**service, "spec": spec}


def _used(services: Iterable[JSON]) -> set[str]:
    return {
        str(address) for service in services for address in [(service.get("spec") or {}).get("clusterIP")] if address
    }


def _free_address(existing: Iterable[JSON], network: str) -> str:
    used = _used(existing)
    parsed = ipaddress.ip_network(network)
    for offset in range(FIRST_DYNAMIC, parsed.num_addresses - 1):
        address = str(parsed[offset])
        if address not in used:
            return address
    raise internal(f"failed to allocate a serviceIP: the range {network} is full")


def _check_address(service: JSON, existing: Iterable[JSON], network: str) -> None:
    address, meta = service["spec"]["clusterIP"], service["metadata"]
    parsed = ipaddress.ip_network(network)
    why = ""
    if ipaddress.ip_address(address) not in parsed:
        why = f"failed to allocate IP {address}: the provided IP is not in the valid range {network}"
    elif address in _used(existing):
        why = f"failed to allocate IP {address}: provided IP is already allocated"
    else:
        owner = RESERVED.get(int(ipaddress.ip_address(address)) - int(parsed.network_address))
        if owner is not None and owner != (meta.get("namespace"), meta["name"]):
            why = f"failed to allocate IP {address}: it is kept for {'/'.join(owner)}"
    if why:
        raise _refused(service, bad_value("spec.clusterIPs", [address], why))


def _refused(service: JSON, error: FieldError) -> ApiError:
    return invalid("", "Service", service["metadata"]["name"], [error])


def _with_node_ports(service: JSON, existing: list[JSON]) -> list[JSON]:
    spec = service["spec"]
    ports: list[JSON] = spec["ports"]
    if spec["type"] not in WITH_NODE_PORTS:
        return [{key: value for key, value in port.items() if key != "nodePort"} for port in ports]
    used = {
        port["nodePort"]
        for other in existing
        for port in (other.get("spec") or {}).get("ports") or ()
        if "nodePort" in port
    }
    wanted = {port["nodePort"] for port in ports if port.get("nodePort")}
    free = (number for number in NODE_PORTS if number not in used and number not in wanted)
    result = []
    for index, port in enumerate(ports):
        number = port.get("nodePort")
        if number:
            _check_node_port(service, number, used, index)
        else:
            number = next(free, None)
            if number is None:
                raise internal("failed to allocate a nodePort: the range of valid ports is full; remove a Service")
        used.add(number)
        result.append({**port, "nodePort": number})
    return result


def _check_node_port(service: JSON, number: int, used: set[int], index: int) -> None:
    path = f"spec.ports[{index}].nodePort"
    if number not in NODE_PORTS:
        why = f"provided port is not in the valid range. The range of valid ports is {NODE_PORTS[0]}-{NODE_PORTS[-1]}"
        raise _refused(service, bad_value(path, number, why))
    if number in used:
        raise _refused(service, bad_value(path, number, "provided port is already allocated"))
