"""Values of Services.

In: a Service with defaults. Out: field errors in Kubernetes' words.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from lateen.localcluster.errors import FieldError
from lateen.localcluster.validation_meta import bad_value, dns_label, label_errors, required, subdomain, unsupported
from lateen.localcluster.validation_pod import PROTOCOLS, port_errors, port_or_name_errors

JSON = dict[str, Any]
TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
AFFINITIES = ("ClientIP", "None")
NODE_PORTS = range(30000, 32768)


def is_address(text: Any) -> bool:
    """Whether a text is an IP address."""
    try:
        ipaddress.ip_address(str(text))
    except ValueError:
        return False
    return True


def service(obj: JSON) -> list[FieldError]:
    """Errors in a Service."""
    spec = obj.get("spec") or {}
    kind = spec.get("type")
    found: list[FieldError] = []
    if kind not in TYPES:
        found.append(unsupported("spec.type", kind, TYPES))
    if spec.get("sessionAffinity") not in AFFINITIES:
        found.append(unsupported("spec.sessionAffinity", spec.get("sessionAffinity"), AFFINITIES))
    headless = spec.get("clusterIP") == "None"
    if not spec.get("ports") and kind != "ExternalName" and not headless:
        found.append(required("spec.ports"))
    found += _external_name(spec) if kind == "ExternalName" else _cluster_address(spec, headless)
    found += label_errors(spec.get("selector") or {}, "spec.selector")
    found += [
        bad_value(
            f"spec.externalIPs[{index}]", address, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
        )
        for index, address in enumerate(spec.get("externalIPs") or ())
        if not is_address(address)
    ]
    return found + _ports(spec)


def _external_name(spec: JSON) -> list[FieldError]:
    if spec.get("clusterIP") not in (None, ""):
        message = "Forbidden: may not be set for ExternalName services"
        return [FieldError("spec.clusterIPs[0]", message, "FieldValueForbidden")]
    if not spec.get("externalName"):
        return [required("spec.externalName")]
    return subdomain(spec["externalName"].rstrip("."), "spec.externalName")


def _cluster_address(spec: JSON, headless: bool) -> list[FieldError]:
    address = spec.get("clusterIP")
    if headless:
        if spec.get("type") != "ClusterIP":
            return [bad_value("spec.clusterIPs[0]", "None", "may not be set to 'None' for LoadBalancer services")]
        return []
    if address not in (None, "") and not is_address(address):
        return [
            bad_value("spec.clusterIPs", [address], "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")
        ]
    return []


def _ports(spec: JSON) -> list[FieldError]:
    ports = spec.get("ports") or []
    found: list[FieldError] = []
    names: set[str] = set()
    seen: set[tuple[Any, Any]] = set()
    for index, port in enumerate(ports):
        path = f"spec.ports[{index}]"
        found += _port(port, path, several=len(ports) > 1)
        name = port.get("name")
        if name and name in names:
            found.append(FieldError(f"{path}.name", f'Duplicate value: "{name}"', "FieldValueDuplicate"))
        names.add(name or "")
        identity = (port.get("protocol"), port.get("port"))
        if identity in seen:
            shown = f'{{"protocol":"{identity[0]}","port":{identity[1]}}}'
            found.append(FieldError(path, f"Duplicate value: {shown}", "FieldValueDuplicate"))
        seen.add(identity)
    return found


def _port(port: JSON, path: str, *, several: bool) -> list[FieldError]:
    found: list[FieldError] = []
    if port.get("name"):
        found += dns_label(port["name"], f"{path}.name")
    elif several:
        found.append(required(f"{path}.name"))
    found += port_errors(port.get("port", 0), f"{path}.port")
    if port.get("protocol") not in PROTOCOLS:
        found.append(unsupported(f"{path}.protocol", port.get("protocol"), PROTOCOLS))
    if port.get("targetPort") != port.get("port"):
        found += port_or_name_errors(port.get("targetPort"), f"{path}.targetPort")
    if port.get("nodePort"):
        found += port_errors(port["nodePort"], f"{path}.nodePort")
    return found


def change(obj: JSON, old: JSON) -> list[FieldError]:
    """Errors of a change: an address, once given, stays."""
    before, after = old.get("spec") or {}, obj.get("spec") or {}
    if "ExternalName" in (before.get("type"), after.get("type")):
        return []
    if before.get("clusterIP") and after.get("clusterIP") != before["clusterIP"]:
        shown = [after["clusterIP"]] if after.get("clusterIP") else []
        return [bad_value("spec.clusterIPs[0]", shown, "may not change once set")]
    return []
