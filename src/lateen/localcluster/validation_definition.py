"""Values of CustomResourceDefinitions.

In: a definition with defaults. Out: field errors in Kubernetes' words. The rule: a definition that passes can be
served: its name is `plural.group`, exactly one version is stored, every version has a schema.
"""

from __future__ import annotations

import re
from typing import Any

from lateen.localcluster.errors import FieldError
from lateen.localcluster.validation_meta import bad_value, dns_1035, required, subdomain, unsupported

JSON = dict[str, Any]
SCOPES = ("Cluster", "Namespaced")
KIND = re.compile(r"[A-Za-z][A-Za-z0-9]{0,62}")
RESERVED_GROUPS = ("k8s.io", "kubernetes.io")


def definition(obj: JSON) -> list[FieldError]:
    """Errors in a definition."""
    spec = obj.get("spec") or {}
    names = spec.get("names") or {}
    group, plural = spec.get("group") or "", names.get("plural") or ""
    found = subdomain(group, "spec.group") if group else [required("spec.group")]
    found += dns_1035(plural, "spec.names.plural") if plural else [required("spec.names.plural")]
    if "." not in group and group:
        found.append(bad_value("spec.group", group, "should be a domain with at least one dot"))
    if not names.get("kind"):
        found.append(required("spec.names.kind"))
    elif not KIND.fullmatch(names["kind"]):
        found.append(bad_value("spec.names.kind", names["kind"], "must be letters and digits, beginning with a letter"))
    if obj["metadata"].get("name") != f"{plural}.{group}":
        why = 'must be spec.names.plural+"."+spec.group'
        found.append(bad_value("metadata.name", obj["metadata"].get("name", ""), why))
    if spec.get("scope") not in SCOPES:
        found.append(unsupported("spec.scope", spec.get("scope"), SCOPES))
    if any(group == reserved or group.endswith("." + reserved) for reserved in RESERVED_GROUPS) and not (
        obj["metadata"].get("annotations") or {}
    ).get("api-approved.kubernetes.io"):
        why = "protected groups must have approval annotation api-approved.kubernetes.io"
        found.append(required("metadata.annotations[api-approved.kubernetes.io]", why))
    return found + _versions(spec)


def _versions(spec: JSON) -> list[FieldError]:
    versions = spec.get("versions") or []
    found: list[FieldError] = []
    seen: set[str] = set()
    for index, version in enumerate(versions):
        path = f"spec.versions[{index}]"
        name = version.get("name") or ""
        found += dns_1035(name, f"{path}.name")
        if name in seen:
            found.append(FieldError(f"{path}.name", f'Duplicate value: "{name}"', "FieldValueDuplicate"))
        seen.add(name)
        schema = (version.get("schema") or {}).get("openAPIV3Schema")
        if schema is None:
            found.append(required(f"{path}.schema.openAPIV3Schema", "schemas are required"))
        elif schema.get("type") != "object":
            found.append(
                bad_value(f"{path}.schema.openAPIV3Schema.type", schema.get("type", ""), "must be object at the root")
            )
    if sum(1 for version in versions if version.get("storage")) != 1:
        why = "must have exactly one version marked as storage version"
        found.append(bad_value("spec.versions", [version.get("name") for version in versions], why))
    return found


def change(obj: JSON, old: JSON) -> list[FieldError]:
    """Errors of a change: group, names and scope are fixed."""
    found = []
    for path in (("group",), ("scope",), ("names", "plural"), ("names", "kind")):
        before: Any = old["spec"]
        after: Any = obj["spec"]
        for key in path:
            before, after = before.get(key), after.get(key)
        if before != after:
            found.append(bad_value("spec." + ".".join(path), after, "field is immutable"))
    return found
