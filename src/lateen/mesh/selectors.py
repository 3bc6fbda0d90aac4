"""Which workloads a policy's selector picks.

In: the `matchLabels` of a selector, a target reference, and the labels of a workload. Out: yes or no. Rule: an empty
or absent selector picks every workload of its scope; a policy that names targets picks no workload by labels. Source:
Istio's rules for workload selectors and policy attachment.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from lateen.mesh.node import Labels

GATEWAY_NAME_LABEL: Final = "gateway.networking.k8s.io/gateway-name"
_GATEWAY_API_GROUP: Final = "gateway.networking.k8s.io"


def labels_of(mapping: Mapping[str, str] | None) -> Labels:
    """A label map as sorted pairs, the form in which queries take it as an argument."""
    return tuple(sorted((mapping or {}).items()))


def selects(match_labels: Mapping[str, str] | None, labels: Labels) -> bool:
    """Whether every wanted label is among `labels` with that value; true if none is wanted."""
    return not match_labels or set(match_labels.items()) <= set(labels)


def attaches(spec: Any, policy_namespace: str, namespace: str, labels: Labels) -> bool:
    """Whether a policy's spec (`selector`, `targetRef`, `targetRefs`) picks the workload in `namespace` with `labels`.

    Target references are for gateways of the Gateway API, which carry the gateway's name as a label; a gateway that
    has no reference to it is still picked by a selector.
    """
    references = spec.target_refs or tuple(ref for ref in (spec.target_ref,) if ref is not None)
    if references:
        gateway = dict(labels).get(GATEWAY_NAME_LABEL, "")
        return bool(gateway) and policy_namespace == namespace and _names_gateway(references, gateway, namespace)
    return selects(spec.selector.match_labels if spec.selector else None, labels)


def _names_gateway(references: Iterable[Any], gateway: str, namespace: str) -> bool:
    return any(
        ref.kind == "Gateway"
        and ref.group == _GATEWAY_API_GROUP
        and ref.name == gateway
        and ref.namespace in {None, "", namespace}
        for ref in references
    )
