"""Rules for how a policy says what it is about: labels, or references.

In: the selector parts of a spec. Out: remarks. Reference:
https://istio.io/latest/docs/reference/config/type/workload-selector/
"""

from lateen.resources.selectors import PolicyTargetReference, PortMatch, WorkloadSelector
from lateen.resources.validate.remarks import Remarks, error, warning

_TARGETS = frozenset(
    (
        ("", "Service"),
        ("core", "Service"),
        ("networking.istio.io", "ServiceEntry"),
        ("gateway.networking.k8s.io", "Gateway"),
        ("gateway.networking.k8s.io", "GatewayClass"),
    )
)


def workload_labels(labels: dict[str, str], path: str) -> Remarks:
    """Labels that pods must have: plain values only."""
    for key, value in labels.items():
        if not key:
            yield error(path, f"has an empty key (with the value {value!r})")
        if "*" in key or "*" in value:
            yield error(path, f"labels are compared as they are; {key}={value} cannot have a *")
    if not labels:
        yield warning(path, "is empty, so the selector takes every workload in its reach")


def workload_selector(selector: WorkloadSelector | None, path: str = "spec.selector") -> Remarks:
    """A selector by labels, if there is one."""
    if selector is not None:
        yield from workload_labels(selector.match_labels, f"{path}.matchLabels")


def target_reference(target: PolicyTargetReference, path: str) -> Remarks:
    """A reference to something in the same namespace that policies can be attached to."""
    if not target.name:
        yield error(f"{path}.name", "is missing")
    if target.namespace:
        yield error(f"{path}.namespace", "a policy can be attached in its own namespace only", "remove it")
    if (target.group or "", target.kind) not in _TARGETS:
        known = "Service, ServiceEntry, Gateway and GatewayClass (of gateway.networking.k8s.io)"
        yield error(
            path, f"a policy cannot be attached to {target.group or 'core'}/{target.kind}", f"it can be {known}"
        )


def targets(
    selector: WorkloadSelector | None,
    target: PolicyTargetReference | None,
    several: tuple[PolicyTargetReference, ...],
) -> Remarks:
    """The selector, targetRef and targetRefs of a policy, of which at most one may be there."""
    if (selector is not None) + (target is not None) + bool(several) > 1:
        yield error("spec", "selector, targetRef and targetRefs exclude each other")
    yield from workload_selector(selector)
    if target is not None:
        yield from target_reference(target, "spec.targetRef")
    for index, reference in enumerate(several):
        yield from target_reference(reference, f"spec.targetRefs[{index}]")


def match_ports(ports: tuple[PortMatch, ...], path: str) -> Remarks:
    """Ports of an extension's traffic selector."""
    for index, port in enumerate(ports):
        if not 1 <= port.number <= 65535:
            yield error(f"{path}[{index}].number", f"{port.number} is no port number (1 to 65535)")
