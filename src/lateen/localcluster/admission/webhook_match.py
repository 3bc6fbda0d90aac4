"""Which admission webhooks a request goes to, and in which version of the resource.

In: a request, the two kinds of webhook configurations and the namespace's labels. Out: `Hook`s in the order in which
Kubernetes calls them: configurations by name, webhooks in the order of the list.
Rule: webhook configurations themselves are exempt, so that a broken webhook can always be removed.
https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lateen.localcluster.admission.request import Request, View
from lateen.localcluster.label_match import label_selector

__all__ = ["Hook", "hooks_for"]

Object = dict[str, Any]
_EXEMPT = frozenset({"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"})


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook that a request goes to; `version` is the one of the resource that its rule asks for."""

    configuration: str
    definition: Mapping[str, Any]
    version: str

    @property
    def name(self) -> str:
        return str(self.definition.get("name"))

    @property
    def fails_closed(self) -> bool:
        return str(self.definition.get("failurePolicy", "Fail")) != "Ignore"

    @property
    def side_effects(self) -> str:
        return str(self.definition.get("sideEffects", "Unknown"))

    @property
    def reinvoked(self) -> bool:
        return self.definition.get("reinvocationPolicy") == "IfNeeded"

    @property
    def timeout_seconds(self) -> int:
        return max(1, min(30, int(self.definition.get("timeoutSeconds") or 10)))


def hooks_for(request: Request, view: View, kind: str) -> tuple[Hook, ...]:
    """The webhooks of all configurations of `kind` (Mutating- or ValidatingWebhookConfiguration) that match."""
    if request.kind.kind in _EXEMPT:
        return ()
    found: list[Hook] = []
    for configuration in sorted(view.list(kind, None), key=lambda item: str(item["metadata"]["name"])):
        for definition in configuration.get("webhooks") or ():
            version = _version(definition, request, view)
            if version and _selected(definition, request, view):
                found.append(Hook(str(configuration["metadata"]["name"]), definition, version))
    return tuple(found)


def _version(definition: Mapping[str, Any], request: Request, view: View) -> str:
    """The version in which the first matching rule wants the object, "" if no rule matches."""
    rules = [rule for rule in definition.get("rules") or () if _rule_matches(rule, request)]
    for rule in rules:
        if _among(request.kind.version, rule.get("apiVersions")):
            return request.kind.version
    if definition.get("matchPolicy", "Equivalent") != "Equivalent":
        return ""
    served = view.versions(request.kind.group, request.kind.plural)
    wanted = (version for rule in rules for version in rule.get("apiVersions") or () if version in served)
    return next(wanted, "")


def _rule_matches(rule: Mapping[str, Any], request: Request) -> bool:
    """Everything of a rule but the version."""
    return (
        _among(request.operation, rule.get("operations"))
        and _among(request.kind.group, rule.get("apiGroups"))
        and any(pattern in (rule.get("resources") or ()) for pattern in _patterns(request))
        and rule.get("scope", "*") in ("*", "Namespaced" if request.kind.namespaced else "Cluster")
    )


def _patterns(request: Request) -> Iterator[str]:
    """The ways in which a rule can name the request's resource."""
    plural, sub = request.kind.plural, request.subresource
    yield "*/*"
    if not sub:
        yield from (plural, "*")
    else:
        yield from (f"{plural}/{sub}", f"{plural}/*", f"*/{sub}")


def _among(value: str, listed: Sequence[str] | None) -> bool:
    return bool(listed) and ("*" in (listed or ()) or value in (listed or ()))


def _selected(definition: Mapping[str, Any], request: Request, view: View) -> bool:
    namespace_selector = definition.get("namespaceSelector")
    if namespace_selector:
        labels = _namespace_labels(request, view)
        if labels is not None and not label_selector(namespace_selector, labels):
            return False
    object_selector = definition.get("objectSelector")
    if not object_selector:
        return True
    return any(label_selector(object_selector, _labels(obj)) for obj in (request.obj, request.old) if obj is not None)


def _namespace_labels(request: Request, view: View) -> Mapping[str, str] | None:
    """None for cluster-scoped kinds, to which a namespace selector does not apply; a Namespace has its own labels."""
    if request.kind.kind == "Namespace" and not request.kind.group:
        return _labels(request.obj if request.obj is not None else request.old or {})
    if not request.kind.namespaced:
        return None
    return _labels(view.get("Namespace", "", request.namespace) or {})


def _labels(obj: Object) -> Mapping[str, str]:
    labels = (obj.get("metadata") or {}).get("labels")
    return labels if isinstance(labels, dict) else {}
