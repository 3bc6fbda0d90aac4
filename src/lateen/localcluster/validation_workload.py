"""Values of Deployments, ReplicaSets and webhook configurations.

In: an object with defaults. Out: field errors in Kubernetes' words.
"""

from __future__ import annotations

import re
from typing import Any

from lateen.localcluster.errors import FieldError
from lateen.localcluster.validation_meta import bad_value, key_errors, label_errors, required, subdomain, unsupported
from lateen.localcluster.validation_pod import spec_errors

JSON = dict[str, Any]
OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")
STRATEGIES = ("Recreate", "RollingUpdate")
PERCENT = re.compile(r"[0-9]+%")
AT_LEAST_ZERO = "must be greater than or equal to 0"


def selector_errors(selector: JSON, path: str) -> list[FieldError]:
    """Errors in a LabelSelector."""
    found = label_errors(selector.get("matchLabels") or {}, f"{path}.matchLabels")
    for index, item in enumerate(selector.get("matchExpressions") or ()):
        where = f"{path}.matchExpressions[{index}]"
        operator, values = item.get("operator"), item.get("values") or ()
        if operator not in OPERATORS:
            found.append(bad_value(f"{where}.operator", operator, "not a valid selector operator"))
        elif operator in ("In", "NotIn") and not values:
            why = "must be specified when `operator` is 'In' or 'NotIn'"
            found.append(required(f"{where}.values", why))
        elif operator in ("Exists", "DoesNotExist") and values:
            message = "Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            found.append(FieldError(f"{where}.values", message, "FieldValueForbidden"))
        found += key_errors(item.get("key") or "", f"{where}.key")
    return found


def selects(selector: JSON, labels: JSON) -> bool:
    """Whether a LabelSelector selects an object with these labels."""
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_expression(item, labels) for item in selector.get("matchExpressions") or ())


def _expression(item: JSON, labels: JSON) -> bool:
    key, operator, values = item.get("key", ""), item.get("operator"), item.get("values") or ()
    if operator == "In":
        return labels.get(key) in values
    if operator == "NotIn":
        return labels.get(key) not in values
    return (key in labels) == (operator == "Exists")


def workload(obj: JSON) -> list[FieldError]:
    """Errors in a Deployment or ReplicaSet."""
    spec = obj.get("spec") or {}
    numbers = ("replicas", "minReadySeconds", "revisionHistoryLimit")
    found = [bad_value(f"spec.{key}", spec[key], AT_LEAST_ZERO) for key in numbers if (spec.get(key) or 0) < 0]
    selector, template = spec.get("selector"), spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels") or {}
    if not selector:
        found.append(required("spec.selector"))
    elif not selector.get("matchLabels") and not selector.get("matchExpressions"):
        found.append(bad_value("spec.selector", "{}", "empty selector is invalid for deployment"))
    else:
        found += selector_errors(selector, "spec.selector")
        if not found and not selects(selector, labels):
            why = "`selector` does not match template `labels`"
            found.append(bad_value("spec.template.metadata.labels", _shown(labels), why))
    found += label_errors(labels, "spec.template.metadata.labels")
    pod_spec = template.get("spec") or {}
    found += spec_errors(pod_spec, "spec.template.spec")
    if pod_spec.get("restartPolicy") not in ("Always", None):
        found.append(unsupported("spec.template.spec.restartPolicy", pod_spec["restartPolicy"], ("Always",)))
    return found + (_strategy(spec["strategy"]) if "strategy" in spec else [])


def _shown(labels: JSON) -> str:
    return "{" + ", ".join(f"{key}: {value}" for key, value in sorted(labels.items())) + "}"


def _strategy(strategy: JSON) -> list[FieldError]:
    kind = strategy.get("type")
    if kind not in STRATEGIES:
        return [unsupported("spec.strategy.type", kind, STRATEGIES)]
    rolling = strategy.get("rollingUpdate")
    if kind == "Recreate":
        if rolling is None:
            return []
        message = "Forbidden: may not be specified when strategy `type` is 'Recreate'"
        return [FieldError("spec.strategy.rollingUpdate", message, "FieldValueForbidden")]
    found = [error for key in ("maxUnavailable", "maxSurge") for error in _share(rolling or {}, key)]
    values = [(rolling or {}).get(key) for key in ("maxUnavailable", "maxSurge")]
    if not found and all(value in (0, "0%", None) for value in values):
        why = "may not be 0 when `maxSurge` is 0"
        found.append(bad_value("spec.strategy.rollingUpdate.maxUnavailable", values[0], why))
    return found


def _share(rolling: JSON, key: str) -> list[FieldError]:
    value = rolling.get(key)
    path = f"spec.strategy.rollingUpdate.{key}"
    if isinstance(value, str) and not PERCENT.fullmatch(value):
        return [bad_value(path, value, "a valid percent string must be a numeric string followed by an ending '%'")]
    return [bad_value(path, value, AT_LEAST_ZERO)] if isinstance(value, int) and value < 0 else []


def change(obj: JSON, old: JSON) -> list[FieldError]:
    """Errors of a change: the selector is fixed."""
    selector = (obj.get("spec") or {}).get("selector")
    if selector == (old.get("spec") or {}).get("selector"):
        return []
    return [bad_value("spec.selector", str(selector), "field is immutable")]


def webhooks(obj: JSON) -> list[FieldError]:
    """Errors in a webhook configuration."""
    found: list[FieldError] = []
    for index, hook in enumerate(obj.get("webhooks") or ()):
        path = f"webhooks[{index}]"
        name = hook.get("name") or ""
        if len(name.split(".")) < 3:
            found.append(
                bad_value(f"{path}.name", name, "should be a domain with at least three segments separated by dots")
            )
        found += subdomain(name, f"{path}.name")
        found += _webhook(hook, path)
    return found


def _webhook(hook: JSON, path: str) -> list[FieldError]:
    found: list[FieldError] = []
    client = hook.get("clientConfig") or {}
    if bool(client.get("url")) == bool(client.get("service")):
        found.append(required(f"{path}.clientConfig", "exactly one of url or service is required"))
    if hook.get("sideEffects") not in ("None", "NoneOnDryRun"):
        found.append(unsupported(f"{path}.sideEffects", hook.get("sideEffects"), ("None", "NoneOnDryRun")))
    if "v1" not in (hook.get("admissionReviewVersions") or ()):
        why = "must include at least one of v1, v1beta1"
        found.append(bad_value(f"{path}.admissionReviewVersions", hook.get("admissionReviewVersions") or [], why))
    if hook.get("failurePolicy") not in ("Fail", "Ignore"):
        found.append(unsupported(f"{path}.failurePolicy", hook.get("failurePolicy"), ("Fail", "Ignore")))
    if not 0 < int(hook.get("timeoutSeconds") or 0) <= 30:
        why = "the timeout value must be between 1 and 30 seconds"
        found.append(bad_value(f"{path}.timeoutSeconds", hook.get("timeoutSeconds"), why))
    for key in ("namespaceSelector", "objectSelector"):
        found += selector_errors(hook.get(key) or {}, f"{path}.{key}")
    return found
