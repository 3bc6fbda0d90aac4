"""Whether a pod gets a proxy.

In: the pod, its namespace's name, the injector's policy. Out: None for yes, else the reason for no. The rule: host
networking and system namespaces never; then the pod's own label, before its annotation; then the never and always
selectors; then the policy. The namespace's labels were looked at before, by the selectors of the webhook's
configuration.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from lateen.injection.names import IGNORED_NAMESPACES, INJECT

JsonObject = Mapping[str, Any]


class Policy(msgspec.Struct, frozen=True):
    """`policy` is `enabled` or `disabled`; anything else injects nowhere. Selectors are Kubernetes label selectors."""

    policy: str = "enabled"
    never: tuple[JsonObject, ...] = ()
    always: tuple[JsonObject, ...] = ()
    ignored: frozenset[str] = IGNORED_NAMESPACES


def not_injected_reason(pod: JsonObject, namespace: str, policy: Policy) -> str | None:
    """None if the pod is to be injected, else why not, in words for the log."""
    if (pod.get("spec") or {}).get("hostNetwork"):
        return "the pod uses the host's network"
    if namespace in policy.ignored:
        return f"namespace {namespace} is never injected"
    meta = pod.get("metadata") or {}
    labels, annotations = meta.get("labels") or {}, meta.get("annotations") or {}
    wish = labels.get(INJECT, annotations.get(INJECT, ""))
    if policy.policy not in ("enabled", "disabled"):
        return f"the injector's policy {policy.policy!r} is not known"
    if wish in ("true", "false"):
        return None if wish == "true" else f"{INJECT} is false"
    if any(_matches(selector, labels) for selector in policy.never):
        return "a neverInjectSelector matches its labels"
    if any(_matches(selector, labels) for selector in policy.always):
        return None
    return None if policy.policy == "enabled" else "injection is off unless a pod asks for it"


def _matches(selector: JsonObject, labels: Mapping[str, str]) -> bool:
    """Whether a label selector selects these labels; an empty or unreadable selector selects nothing here."""
    wanted: Mapping[str, str] = selector.get("matchLabels") or {}
    expressions: Sequence[JsonObject] = selector.get("matchExpressions") or ()
    if not wanted and not expressions:
        return False
    equal = all(labels.get(name) == value for name, value in wanted.items())
    return equal and all(_holds(expression, labels) for expression in expressions)


def _holds(expression: JsonObject, labels: Mapping[str, str]) -> bool:
    value = labels.get(str(expression.get("key")))
    values = expression.get("values") or ()
    match expression.get("operator"):
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
    return False
