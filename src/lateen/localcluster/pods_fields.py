"""What a pod can be told about itself: fieldRef and resourceFieldRef, for variables and downward API files.

In: the pod with its addresses, a path or a resource name. Out: text. Rule: a path that Kubernetes does not offer is a
`PodError`. Source: https://kubernetes.io/docs/concepts/workloads/pods/downward-api/
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import msgspec

from lateen.localcluster.pods import Container, Pod, PodError, ResourceFieldRef
from lateen.localcluster.resources import quantity

__all__ = ["PodFacts", "field_value", "resource_value"]

_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['(.+)'\]")
_MACHINE_MEMORY = 1 << 62


class PodFacts(msgspec.Struct, frozen=True):
    """What only the node knows: addresses, the node's name, and how much it could give a container without limits."""

    pod_ip: str
    host_ip: str
    node_name: str
    cores: int = 1
    memory: int = _MACHINE_MEMORY


def field_value(pod: Pod, facts: PodFacts, path: str) -> str:
    """The text of a fieldRef. Raises `PodError` for an unknown path."""
    simple = {
        "metadata.name": pod.name,
        "metadata.namespace": pod.namespace,
        "metadata.uid": pod.uid,
        "spec.nodeName": facts.node_name,
        "spec.serviceAccountName": pod.spec.service_account_name,
        "status.hostIP": facts.host_ip,
        "status.hostIPs": facts.host_ip,
        "status.podIP": facts.pod_ip,
        "status.podIPs": facts.pod_ip,
    }
    if path in simple:
        return simple[path]
    if path in ("metadata.labels", "metadata.annotations"):
        return _lines(pod.labels if path.endswith("labels") else pod.annotations)
    found = _SUBSCRIPT.fullmatch(path)
    if found:
        return (pod.labels if found[1] == "labels" else pod.annotations).get(found[2], "")
    raise PodError(f"fieldRef: fieldPath {path[:80]!r} is not offered")


def _lines(values: Mapping[str, str]) -> str:
    """`name="value"` lines in the form of Go's quoted strings, as the downward API writes them."""
    escaped = (
        (name, value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n"))
        for name, value in sorted(values.items())
    )
    return "\n".join(f'{name}="{value}"' for name, value in escaped)


def resource_value(pod: Pod, container: Container | None, facts: PodFacts, ref: ResourceFieldRef) -> str:
    """The text of a resourceFieldRef, divided and rounded up. Limits that are not set are what the machine has."""
    chosen = pod.container(ref.container_name) if ref.container_name else container
    if chosen is None:
        raise PodError(f"resourceFieldRef: no container {ref.container_name!r}")
    kind, _, name = ref.resource.partition(".")
    machine = {"cpu": facts.cores, "memory": facts.memory}
    if kind not in ("limits", "requests") or not name:
        raise PodError(f"resourceFieldRef: resource {ref.resource[:80]!r} is not offered")
    given = (chosen.resources.limits if kind == "limits" else chosen.resources.requests).get(name)
    if given is None:
        given = chosen.resources.limits.get(name, 0) if kind == "requests" else machine.get(name, 0)
    divisor = quantity(ref.divisor) or quantity(1)
    return str(math.ceil(quantity(given) / divisor))
