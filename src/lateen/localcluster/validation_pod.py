"""Values of pods and pod templates.

In: a pod with defaults, or a template's spec. Out: field errors in Kubernetes' words. The rule: a pod that passes can
be run: its containers have names, its mounts have volumes, its ports are ports. Only images, tolerations and the like
may change later.
"""

from __future__ import annotations

import re
from typing import Any

from lateen.localcluster.errors import FieldError
from lateen.localcluster.resources import QuantityError, quantity
from lateen.localcluster.validation_meta import bad_value, dns_label, required, subdomain, unsupported

JSON = dict[str, Any]
PORT_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
ENV_NAME = re.compile(r"[ -<>-~]+")
RESTART_POLICIES = ("Always", "OnFailure", "Never")
PULL_POLICIES = ("Always", "IfNotPresent", "Never")
PROTOCOLS = ("TCP", "UDP", "SCTP")
DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")
PORT_RANGE = "must be between 1 and 65535, inclusive"
CHANGEABLE = "spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations"


def port_errors(value: Any, path: str) -> list[FieldError]:
    """Errors of a port number."""
    good = isinstance(value, int) and 0 < value < 65536
    return [] if good else [bad_value(path, value, PORT_RANGE)]


def port_name_errors(value: str, path: str) -> list[FieldError]:
    """Errors of a port's name (IANA_SVC_NAME)."""
    if len(value) > 15:
        return [bad_value(path, value, "must be no more than 15 characters")]
    if not PORT_NAME.fullmatch(value) or "--" in value:
        return [bad_value(path, value, "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")]
    return [] if re.search("[a-z]", value) else [bad_value(path, value, "must contain at least one letter (a-z)")]


def port_or_name_errors(value: Any, path: str) -> list[FieldError]:
    """Errors of a target that is a port's number or name."""
    return port_name_errors(value, path) if isinstance(value, str) else port_errors(value, path)


def pod(obj: JSON) -> list[FieldError]:
    """Errors in a pod."""
    return spec_errors(obj.get("spec") or {}, "spec")


def spec_errors(spec: JSON, path: str) -> list[FieldError]:
    """Errors in a pod's or template's spec."""
    found: list[FieldError] = []
    if not spec.get("containers"):
        found.append(required(f"{path}.containers"))
    if spec.get("restartPolicy") not in RESTART_POLICIES:
        found.append(unsupported(f"{path}.restartPolicy", spec.get("restartPolicy"), RESTART_POLICIES))
    if spec.get("dnsPolicy") not in DNS_POLICIES:
        found.append(unsupported(f"{path}.dnsPolicy", spec.get("dnsPolicy"), DNS_POLICIES))
    if (spec.get("terminationGracePeriodSeconds") or 0) < 0:
        value = spec["terminationGracePeriodSeconds"]
        found.append(bad_value(f"{path}.terminationGracePeriodSeconds", value, "must be greater than or equal to 0"))
    for key, check in (("hostname", dns_label), ("subdomain", dns_label), ("serviceAccountName", subdomain)):
        if spec.get(key):
            found += check(spec[key], f"{path}.{key}")
    volumes = _volumes(spec, path, found)
    names: set[str] = set()
    for key in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(key) or ()):
            found += _container(container, f"{path}.{key}[{index}]", volumes, init=key == "initContainers")
            found += _unique(container.get("name"), names, f"{path}.{key}[{index}].name")
    return found


def _unique(name: Any, seen: set[str], path: str) -> list[FieldError]:
    if name in seen:
        return [FieldError(path, f'Duplicate value: "{name}"', "FieldValueDuplicate")]
    if name:
        seen.add(name)
    return []


def _volumes(spec: JSON, path: str, found: list[FieldError]) -> set[str]:
    names: set[str] = set()
    for index, volume in enumerate(spec.get("volumes") or ()):
        where = f"{path}.volumes[{index}]"
        name = volume.get("name")
        found += dns_label(name, f"{where}.name") if name else [required(f"{where}.name")]
        found += _unique(name, names, f"{where}.name")
        if len([key for key in volume if key != "name"]) > 1:
            found.append(FieldError(where, "Forbidden: may not specify more than 1 volume type", "FieldValueForbidden"))
    return names


def _container(container: JSON, path: str, volumes: set[str], *, init: bool) -> list[FieldError]:
    name = container.get("name")
    found = dns_label(name, f"{path}.name") if name else [required(f"{path}.name")]
    if not container.get("image"):
        found.append(required(f"{path}.image"))
    elif container["image"] != container["image"].strip():
        found.append(bad_value(f"{path}.image", container["image"], "must not have leading or trailing whitespace"))
    if container.get("imagePullPolicy") not in PULL_POLICIES:
        found.append(unsupported(f"{path}.imagePullPolicy", container.get("imagePullPolicy"), PULL_POLICIES))
    if container.get("restartPolicy") is not None and (not init or container["restartPolicy"] != "Always"):
        found.append(unsupported(f"{path}.restartPolicy", container["restartPolicy"], ("Always",) if init else ()))
    found += _ports(container, path) + _environment(container, path) + _mounts(container, path, volumes)
    found += _resources(container, path)
    for key in PROBES:
        if container.get(key):
            found += _probe(container[key], f"{path}.{key}")
    return found


def _ports(container: JSON, path: str) -> list[FieldError]:
    found: list[FieldError] = []
    names: set[str] = set()
    for index, port in enumerate(container.get("ports") or ()):
        where = f"{path}.ports[{index}]"
        if port.get("containerPort") is None:
            found.append(required(f"{where}.containerPort"))
        else:
            found += port_errors(port["containerPort"], f"{where}.containerPort")
        if port.get("hostPort"):
            found += port_errors(port["hostPort"], f"{where}.hostPort")
        if port.get("name"):
            found += port_name_errors(port["name"], f"{where}.name") + _unique(port["name"], names, f"{where}.name")
        if port.get("protocol") not in PROTOCOLS:
            found.append(unsupported(f"{where}.protocol", port.get("protocol"), PROTOCOLS))
    return found


def _environment(container: JSON, path: str) -> list[FieldError]:
    found: list[FieldError] = []
    for index, variable in enumerate(container.get("env") or ()):
        where = f"{path}.env[{index}]"
        name = variable.get("name")
        if not name:
            found.append(required(f"{where}.name"))
        elif not ENV_NAME.fullmatch(name):
            found.append(bad_value(f"{where}.name", name, "a valid environment variable name must consist only of "
                                   "printable ASCII characters other than '='"))  # fmt: skip
        if variable.get("value") and variable.get("valueFrom"):
            found.append(bad_value(f"{where}.valueFrom", "", "may not be specified when `value` is not empty"))
    return found


def _mounts(container: JSON, path: str, volumes: set[str]) -> list[FieldError]:
    found: list[FieldError] = []
    seen: set[str] = set()
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        where = f"{path}.volumeMounts[{index}]"
        if mount.get("name") not in volumes:
            found.append(FieldError(f"{where}.name", f'Not found: "{mount.get("name", "")}"', "FieldValueNotFound"))
        target = mount.get("mountPath")
        if not target:
            found.append(required(f"{where}.mountPath"))
        elif ".." in target.split("/"):
            found.append(bad_value(f"{where}.mountPath", target, "must not contain '..'"))
        elif target in seen:
            found.append(bad_value(f"{where}.mountPath", target, "must be unique"))
        seen.add(target or "")
        for key in ("subPath", "subPathExpr"):
            inner = mount.get(key) or ""
            if inner.startswith("/") or ".." in inner.split("/"):
                found.append(bad_value(f"{where}.{key}", inner, "must be a relative path without '..'"))
    return found


def _resources(container: JSON, path: str) -> list[FieldError]:
    found: list[FieldError] = []
    resources = container.get("resources") or {}
    for kind in ("limits", "requests"):
        for name, value in (resources.get(kind) or {}).items():
            where = f"{path}.resources.{kind}[{name}]"
            try:
                negative = quantity(value) < 0
            except QuantityError as error:
                found.append(bad_value(where, value, str(error)))
                continue
            if negative:
                found.append(bad_value(where, value, "must be greater than or equal to 0"))
    if not found:
        found += _requests_within_limits(resources, path)
    return found


def _requests_within_limits(resources: JSON, path: str) -> list[FieldError]:
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    return [
        bad_value(f"{path}.resources.requests", value, f"must be less than or equal to {name} limit of {limits[name]}")
        for name, value in requests.items()
        if name in limits and quantity(value) > quantity(limits[name])
    ]


def _probe(probe: JSON, path: str) -> list[FieldError]:
    handlers = [key for key in HANDLERS if key in probe]
    if not handlers:
        return [required(path, "must specify a handler type")]
    found: list[FieldError] = []
    if len(handlers) > 1:
        message = "Forbidden: may not specify more than 1 handler type"
        found.append(FieldError(f"{path}.{handlers[1]}", message, "FieldValueForbidden"))
    for key in ("httpGet", "tcpSocket"):
        if key in probe:
            found += port_or_name_errors(probe[key].get("port"), f"{path}.{key}.port")
    for key in ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"):
        if (probe.get(key) or 0) < 0:
            found.append(bad_value(f"{path}.{key}", probe[key], "must be greater than or equal to 0"))
    return found


def change(obj: JSON, old: JSON) -> list[FieldError]:
    """Errors of a change: almost all of a pod's spec is fixed once it exists."""
    if _fixed(obj) == _fixed(old):
        return []
    message = (
        f"Forbidden: pod updates may not change fields other than `{CHANGEABLE}` "
        "(only additions to existing tolerations)"
    )
    return [FieldError("spec", message, "FieldValueForbidden")]


def _fixed(obj: JSON) -> JSON:
    ignored = ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds", "ephemeralContainers")
    spec = {key: value for key, value in (obj.get("spec") or {}).items() if key not in ignored}
    for key in ("containers", "initContainers"):
        spec[key] = [{**container, "image": ""} for container in spec.get(key) or ()]
    return spec
