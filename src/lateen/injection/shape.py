"""Is this a pod at all? The API server calls mutating webhooks before it has validated anything.

In: any JSON. Out: nothing, or an `InjectionError` that names the field. The rule: what the other files of this
package rely on (names are text, lists are lists of objects, labels map text to text) is checked here once; and a pod
has few enough containers that work on it is bounded.
"""

from __future__ import annotations

from typing import Any

import msgspec

from lateen.injection.annotations import InjectionError

MAX_CONTAINERS = 500


class _Reference(msgspec.Struct):
    name: str
    kind: str
    apiVersion: str = ""  # noqa: N815 - the field's name on the wire
    controller: bool = False


class _Metadata(msgspec.Struct):
    name: str | None = None
    generateName: str | None = None  # noqa: N815
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    ownerReferences: list[_Reference] | None = None  # noqa: N815


class _Port(msgspec.Struct):
    containerPort: int  # noqa: N815
    name: str | None = None


class _Env(msgspec.Struct):
    name: str


class _Mount(msgspec.Struct):
    mountPath: str  # noqa: N815


class _HttpGet(msgspec.Struct):
    port: int | str


class _TcpSocket(msgspec.Struct):
    port: int | str


class _Grpc(msgspec.Struct):
    port: int


class _Handler(msgspec.Struct):
    httpGet: _HttpGet | None = None  # noqa: N815
    tcpSocket: _TcpSocket | None = None  # noqa: N815
    grpc: _Grpc | None = None
    timeoutSeconds: int | None = None  # noqa: N815


class _Hooks(msgspec.Struct):
    preStop: _Handler | None = None  # noqa: N815
    postStart: _Handler | None = None  # noqa: N815


class _Container(msgspec.Struct):
    name: str
    args: list[str] | None = None
    ports: list[_Port] | None = None
    env: list[_Env] | None = None
    volumeMounts: list[_Mount] | None = None  # noqa: N815
    readinessProbe: _Handler | None = None  # noqa: N815
    livenessProbe: _Handler | None = None  # noqa: N815
    startupProbe: _Handler | None = None  # noqa: N815
    lifecycle: _Hooks | None = None
    securityContext: dict[str, Any] | None = None  # noqa: N815


class _Named(msgspec.Struct):
    name: str


class _Spec(msgspec.Struct):
    containers: list[_Container]
    initContainers: list[_Container] | None = None  # noqa: N815
    volumes: list[_Named] | None = None
    imagePullSecrets: list[_Named] | None = None  # noqa: N815
    hostNetwork: bool | None = None  # noqa: N815


class _Pod(msgspec.Struct):
    spec: _Spec
    metadata: _Metadata | None = None


def check_shape(pod: Any) -> None:
    """Raises `InjectionError` unless `pod` has the shape of a pod as far as injection reads it."""
    try:
        read = msgspec.convert(pod, _Pod)
    except (msgspec.ValidationError, RecursionError) as error:
        raise InjectionError(f"this is not a pod: {error}") from error
    count = len(read.spec.containers) + len(read.spec.initContainers or ())
    if count > MAX_CONTAINERS:
        raise InjectionError(f"the pod has {count} containers; injection takes at most {MAX_CONTAINERS}")
