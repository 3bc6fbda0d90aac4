"""A container's environment variables.

In: the container, its pod, what the pod can be told about itself, ConfigMaps and Secrets, the namespace's Services.
Out: the variables in order, or a `MissingError` that says which object or key has to exist first. Rules kept: later
entries win over earlier ones; `env` wins over `envFrom`, that over Service variables; `$(NAME)` is replaced by
variables that come before, `$$(NAME)` is left as `$(NAME)`.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from lateen.localcluster.pods import Container, EnvFrom, EnvSource, EnvVar, Pod
from lateen.localcluster.pods_fields import PodFacts, field_value, resource_value

__all__ = ["Lookup", "MissingError", "environment", "expand", "object_data", "service_variables"]

JSON = dict[str, Any]
_REFERENCE = re.compile(r"\$(?:\$|\(([^()]*)\))")
_NAME = re.compile(r"[^\x00-\x20=\x7f-\uffff]+")


class MissingError(Exception):
    """Something that the pod refers to does not exist (yet); `kind` and `name` say what, the message what is
    missing.
    """

    def __init__(self, kind: str, name: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.name = name


class Lookup(Protocol):
    """Objects of the API server as the node agent has seen them."""

    def get(self, kind: str, namespace: str, name: str) -> JSON | None:
        """The object of a kind such as "ConfigMap", or None."""
        ...


def environment(
    pod: Pod, container: Container, facts: PodFacts, lookup: Lookup, services: Iterable[tuple[str, str]] = ()
) -> dict[str, str]:
    """The variables of a container. Raises `MissingError` or `PodError`."""
    found = dict(services)
    for source in container.env_from:
        found.update(_from_object(pod, source, lookup))
    for variable in container.env:
        value = _value(pod, container, facts, lookup, variable)
        found.pop(variable.name, None)
        if value is not None:
            found[variable.name] = expand(value, found) if variable.value is not None else value
    return {name: value for name, value in found.items() if _NAME.fullmatch(name) and "\0" not in value}


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replace `$(NAME)` by the variable's value; an unknown name stays as it is written."""

    def replace(found: re.Match[str]) -> str:
        name = found[1]
        if name is None:
            return "$"
        return variables.get(name, found[0])

    return _REFERENCE.sub(replace, text)


def object_data(obj: JSON, kind: str) -> dict[str, bytes]:
    """The keys of a ConfigMap or Secret with their values; a value that is not base64 counts as empty."""
    texts = obj.get("data") or {}
    if kind == "Secret":
        return {key: _decoded(value) for key, value in texts.items()}
    binary = {key: _decoded(value) for key, value in (obj.get("binaryData") or {}).items()}
    return {**{key: value.encode() for key, value in texts.items()}, **binary}


def service_variables(services: Iterable[JSON]) -> list[tuple[str, str]]:
    """`<NAME>_SERVICE_HOST`, `_SERVICE_PORT` and the docker-link variables of Services, oldest form kept by
    Kubernetes.
    """
    found: list[tuple[str, str]] = []
    for service in services:
        spec = service.get("spec") or {}
        address, ports = spec.get("clusterIP", ""), spec.get("ports") or []
        if address in ("", "None") or not ports:
            continue
        name = re.sub(r"[^A-Z0-9]", "_", service["metadata"]["name"].upper())
        found += [(f"{name}_SERVICE_HOST", address), (f"{name}_SERVICE_PORT", str(ports[0]["port"]))]
        for port in ports:
            if port.get("name"):
                label = re.sub(r"[^A-Z0-9]", "_", port["name"].upper())
                found.append((f"{name}_SERVICE_PORT_{label}", str(port["port"])))
        found.append((f"{name}_PORT", _url(address, ports[0])))
        for port in ports:
            found += _link_variables(name, address, port)
    return found


def _url(address: str, port: JSON) -> str:
    return f"{port.get('protocol', 'TCP').lower()}://{address}:{port['port']}"


def _link_variables(name: str, address: str, port: JSON) -> list[tuple[str, str]]:
    protocol, number = port.get("protocol", "TCP"), port["port"]
    head = f"{name}_PORT_{number}_{protocol}"
    return [
        (head, _url(address, port)),
        (f"{head}_PROTO", protocol.lower()),
        (f"{head}_PORT", str(number)),
        (f"{head}_ADDR", address),
    ]


def _value(pod: Pod, container: Container, facts: PodFacts, lookup: Lookup, variable: EnvVar) -> str | None:
    source = variable.value_from
    if source is None:
        return variable.value or ""
    if source.field_ref is not None:
        return field_value(pod, facts, source.field_ref.field_path)
    if source.resource_field_ref is not None:
        return resource_value(pod, container, facts, source.resource_field_ref)
    return _key_value(pod, source, lookup)


def _key_value(pod: Pod, source: EnvSource, lookup: Lookup) -> str | None:
    """A key of a ConfigMap or Secret; None if it is optional and absent."""
    kind = "ConfigMap" if source.config_map_key_ref is not None else "Secret"
    ref = source.config_map_key_ref or source.secret_key_ref
    if ref is None:
        return ""
    obj = lookup.get(kind, pod.namespace, ref.name)
    if obj is None:
        if ref.optional:
            return None
        raise MissingError(kind, ref.name, f'{kind.lower()} "{ref.name}" not found')
    data = object_data(obj, kind)
    if ref.key not in data:
        if ref.optional:
            return None
        raise MissingError(kind, ref.name, f"couldn't find key {ref.key} in {kind} {pod.namespace}/{ref.name}")
    return data[ref.key].decode(errors="replace")


def _from_object(pod: Pod, source: EnvFrom, lookup: Lookup) -> dict[str, str]:
    kind = "ConfigMap" if source.config_map_ref is not None else "Secret"
    ref = source.config_map_ref or source.secret_ref
    if ref is None:
        return {}
    obj = lookup.get(kind, pod.namespace, ref.name)
    if obj is None:
        if ref.optional:
            return {}
        raise MissingError(kind, ref.name, f'{kind.lower()} "{ref.name}" not found')
    data = object_data(obj, kind)
    return {f"{source.prefix}{key}": value.decode(errors="replace") for key, value in sorted(data.items())}


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
