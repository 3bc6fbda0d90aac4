"""Label selectors as objects have them in their specs: `matchLabels` and `matchExpressions`.

In: the selector's JSON and an object's labels. Out: whether it selects the object.
Rule: the empty selector selects everything and a missing one nothing, as Kubernetes' API conventions say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["equal_labels", "holds", "label_selector"]


def label_selector(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector selects these labels. An operator that Kubernetes does not know selects nothing."""
    if selector is None:
        return False
    if not equal_labels(selector.get("matchLabels") or {}, labels):
        return False
    return all(holds(expression, labels) for expression in selector.get("matchExpressions") or ())


def equal_labels(wanted: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether every wanted label is there with that value (a Service's selector)."""
    return all(labels.get(key) == value for key, value in wanted.items())


def holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether one `matchExpressions` entry holds for these labels."""
    key, values = str(expression.get("key")), expression.get("values") or ()
    match expression.get("operator"):
        case "In":
            return key in labels and labels[key] in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    return False
