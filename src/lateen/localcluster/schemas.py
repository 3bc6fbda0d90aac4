"""Types of the served kinds, as JSON schemas with references resolved on the way.

In: a kind. Out: its schema, and steps from a schema to the schema of a field or item. Built-in kinds read the shipped
facts, custom kinds the `openAPIV3Schema` of their definition; everything that walks objects by type (validation,
pruning, strategic merge, explain) goes through these few functions, so both sorts of kinds behave alike.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from lateen.localcluster import facts
from lateen.localcluster.registry import KindInfo

JSON = dict[str, Any]
REFERENCE = "#/components/schemas/"
OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
# Types whose JSON form is not what their schema says.
OPAQUE = frozenset(
    {
        "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1",
        "io.k8s.apimachinery.pkg.runtime.RawExtension",
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON",
    }
)


def definitions() -> dict[str, JSON]:
    """Type name -> schema of every built-in type."""
    loaded: dict[str, JSON] = facts.load("schemas")
    return loaded


@cache
def _names() -> dict[tuple[str, str, str], str]:
    return {
        (gvk["group"], gvk["version"], gvk["kind"]): name
        for name, schema in definitions().items()
        for gvk in schema.get("x-kubernetes-group-version-kind", ())
    }


def type_name(group: str, version: str, kind: str) -> str | None:
    """The name of the type behind a built-in kind."""
    return _names().get((group, version, kind))


def of_kind(info: KindInfo) -> JSON:
    """The schema of a kind; an empty one (anything goes) if a custom kind declares none."""
    if info.custom:
        return info.schema or {"x-kubernetes-preserve-unknown-fields": True}
    name = type_name(info.group, info.version, info.kind)
    return {} if name is None else definitions()[name]


def reference_name(schema: JSON) -> str:
    reference = schema.get("$ref", "")
    return str(reference).removeprefix(REFERENCE)


def resolved(schema: JSON) -> JSON:
    """The schema itself, or the one that it refers to."""
    name = reference_name(schema)
    return definitions()[name] if name else schema


def field(schema: JSON, name: str) -> JSON | None:
    """The (unresolved) schema of a field of an object or of a map's value; None if there is no such field."""
    schema = resolved(schema)
    declared: JSON | None = schema.get("properties", {}).get(name)
    if declared is not None:
        return declared
    extra = schema.get("additionalProperties")
    return extra if isinstance(extra, dict) else None


def item(schema: JSON) -> JSON:
    """The (unresolved) schema of a list's items."""
    items: JSON = resolved(schema).get("items") or {}
    return items
