"""OpenAPI v3 documents, one per group version: what kubectl validates, merges and explains by.

In: the registry. Out: the index and the documents. The rule: the documents promise exactly what the server does: types
come from the same schemas that validation uses, `fieldValidation` is a parameter of every write, and strategic merge is
offered for built-in kinds only.
"""

from __future__ import annotations

from typing import Any

from lateen.localcluster import patch, schemas
from lateen.localcluster.registry import KindInfo, Registry

JSON = dict[str, Any]
# kubectl falls back to version 2, in protobuf only, for kinds that version 3 does not know. A document with nothing
# in it (swagger "2.0", info with title and version, no paths) makes it go on and report the unknown kind itself.
V2_TYPE = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
EMPTY_V2 = b"\x0a\x032.0\x12\x15\x0a\x0aKubernetes\x12\x07v1.32.0\x42\x00"
SUBRESOURCES_WITH_BODY = frozenset({"status", "scale"})


def index(registry: Registry, digest: str) -> JSON:
    """The document of `/openapi/v3`: where each group version's document is."""
    paths = {
        path: {"serverRelativeURL": f"/openapi/v3/{path}?hash={digest}"}
        for group, versions in registry.groups().items()
        for version in versions
        for path in [f"apis/{group}/{version}" if group else f"api/{version}"]
    }
    return {"paths": paths}


def document(registry: Registry, group: str, version: str) -> JSON | None:
    """The OpenAPI v3 document of one group version, or None if the server has no such version."""
    infos = registry.of_version(group, version)
    if not infos:
        return None
    paths: JSON = {}
    types: JSON = {}
    for info in infos:
        paths.update(_paths(info))
        _add_types(info, types)
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1.32.0"},
        "paths": paths,
        "components": {"schemas": dict(sorted(types.items()))},
    }


def _type_name(info: KindInfo) -> str:
    name = None if info.custom else schemas.type_name(info.group, info.version, info.kind)
    return name or ".".join([*reversed(info.group.split(".")), info.version, info.kind])


def _add_types(info: KindInfo, types: JSON) -> None:
    if info.custom:
        types[_type_name(info)] = _custom_type(info)
        _add_closure(schemas.OBJECT_META, types)
        return
    _add_closure(_type_name(info), types)
    for item in info.subresources:
        name = schemas.type_name(item.group, item.version, item.kind)
        if name is not None:
            _add_closure(name, types)


def _custom_type(info: KindInfo) -> JSON:
    schema = dict(schemas.of_kind(info))
    schema["properties"] = {
        **(schema.get("properties") or {}),
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"$ref": schemas.REFERENCE + schemas.OBJECT_META},
    }
    schema["type"] = "object"
    schema["x-kubernetes-group-version-kind"] = [{"group": info.group, "version": info.version, "kind": info.kind}]
    return schema


def _add_closure(name: str, types: JSON) -> None:
    todo = [name]
    while todo:
        current = todo.pop()
        if current not in types:
            types[current] = schemas.definitions()[current]
            todo.extend(_references(types[current]))


def _references(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [name for item in schema for name in _references(item)]
    if not isinstance(schema, dict):
        return []
    own = [schemas.reference_name(schema)] if isinstance(schema.get("$ref"), str) else []
    return own + [name for item in schema.values() for name in _references(item)]


def _paths(info: KindInfo) -> JSON:
    prefix = f"/apis/{info.group}/{info.version}" if info.group else f"/api/{info.version}"
    scope = "/namespaces/{namespace}" if info.namespaced else ""
    collection = f"{prefix}{scope}/{info.plural}"
    if not info.stored:
        return {collection: {"post": _operation(info, "post", body=True)}}
    found: JSON = {
        collection: {
            "get": _operation(info, "list"),
            "post": _operation(info, "post", body=True),
            "delete": _operation(info, "deletecollection"),
        },
        collection + "/{name}": _item_operations(info) | {"delete": _operation(info, "delete")},
    }
    if info.namespaced:
        found[f"{prefix}/{info.plural}"] = {"get": _operation(info, "list")}
    for item in info.subresources:
        if item.name in SUBRESOURCES_WITH_BODY:
            found[f"{collection}/{{name}}/{item.name}"] = _item_operations(info)
    return found


def _item_operations(info: KindInfo) -> JSON:
    return {
        "get": _operation(info, "get"),
        "put": _operation(info, "put", body=True),
        "patch": _operation(info, "patch", content_types=patch.supported(info)),
    }


def _operation(
    info: KindInfo, action: str, *, body: bool = False, content_types: tuple[str, ...] = ("application/json",)
) -> JSON:
    reference = {"$ref": schemas.REFERENCE + _type_name(info)}
    operation: JSON = {
        "responses": {"200": {"description": "OK", "content": {"application/json": {"schema": reference}}}},
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": {"group": info.group, "version": info.version, "kind": info.kind},
    }
    if body or action == "patch":
        schema = reference if body else {"type": "object"}
        operation["requestBody"] = {"content": {name: {"schema": schema} for name in content_types}}
        operation["parameters"] = [_query_parameter("dryRun"), _query_parameter("fieldValidation")]
    return operation


def _query_parameter(name: str) -> JSON:
    return {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}}
