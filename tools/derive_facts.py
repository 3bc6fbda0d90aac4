"""Derive the API server's facts from public API definitions.

In: a folder with `openapi.json.gz` (definitions and paths), `protobuf-fields.json.gz` and `istio-kinds.json.gz`.
Out: `src/lateen/localcluster/facts/*.json.gz`, cut to the kinds that the API server serves, in the form that it reads:

* `schemas`: type name -> JSON schema, references already in OpenAPI v3 form;
* `kinds`: one row per built-in kind (names, scope, subresources);
* `messages`: message name -> field number -> [JSON name, type, flags], embedded structs marked;
* `istio`: the Istio kinds as CustomResourceDefinition specs.

Run: `python tools/derive_facts.py FOLDER`. The product never needs FOLDER.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parent.parent / "src/lateen/localcluster/facts"
PREFIX = "#/definitions/"

# group, version, kind -> (short names, categories); the definitions carry neither.
SERVED: dict[tuple[str, str, str], tuple[list[str], list[str]]] = {
    ("", "v1", "ConfigMap"): (["cm"], []),
    ("", "v1", "Endpoints"): (["ep"], []),
    ("", "v1", "Event"): (["ev"], []),
    ("", "v1", "Namespace"): (["ns"], []),
    ("", "v1", "Node"): (["no"], []),
    ("", "v1", "Pod"): (["po"], ["all"]),
    ("", "v1", "Secret"): ([], []),
    ("", "v1", "ServiceAccount"): (["sa"], []),
    ("", "v1", "Service"): (["svc"], ["all"]),
    ("admissionregistration.k8s.io", "v1", "MutatingWebhookConfiguration"): ([], ["api-extensions"]),
    ("admissionregistration.k8s.io", "v1", "ValidatingWebhookConfiguration"): ([], ["api-extensions"]),
    ("apiextensions.k8s.io", "v1", "CustomResourceDefinition"): (["crd", "crds"], ["api-extensions"]),
    ("apps", "v1", "Deployment"): (["deploy"], ["all"]),
    ("apps", "v1", "ReplicaSet"): (["rs"], ["all"]),
    ("authentication.k8s.io", "v1", "SelfSubjectReview"): ([], []),
    ("authentication.k8s.io", "v1", "TokenReview"): ([], []),
    ("authorization.k8s.io", "v1", "LocalSubjectAccessReview"): ([], []),
    ("authorization.k8s.io", "v1", "SelfSubjectAccessReview"): ([], []),
    ("authorization.k8s.io", "v1", "SelfSubjectRulesReview"): ([], []),
    ("authorization.k8s.io", "v1", "SubjectAccessReview"): ([], []),
    ("coordination.k8s.io", "v1", "Lease"): ([], []),
    ("discovery.k8s.io", "v1", "EndpointSlice"): ([], []),
}
SUBRESOURCES = {
    "pods": {"status", "log", "exec", "attach", "binding"},
    "namespaces": {"status", "finalize"},
    "serviceaccounts": {"token"},
    "services": {"status"},
    "nodes": {"status"},
    "deployments": {"status", "scale"},
    "replicasets": {"status", "scale"},
    "customresourcedefinitions": {"status"},
}
SUBRESOURCE_KINDS = {
    "scale": ("autoscaling", "v1", "Scale"),
    "token": ("authentication.k8s.io", "v1", "TokenRequest"),
    "binding": ("", "v1", "Binding"),
    "exec": ("", "v1", "PodExecOptions"),
    "attach": ("", "v1", "PodAttachOptions"),
}
EXTRA_TYPES = [
    "io.k8s.api.autoscaling.v1.Scale",
    "io.k8s.api.authentication.v1.TokenRequest",
    "io.k8s.api.core.v1.Binding",
    "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions",
    "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta",
]
JSON_FORMS = {"Time", "MicroTime", "Quantity", "IntOrString", "FieldsV1", "RawExtension"}


def read(folder: Path, name: str) -> Any:
    with gzip.open(folder / f"{name}.json.gz") as file:
        return json.load(file)


def write(name: str, value: Any) -> None:
    data = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    (TARGET / f"{name}.json.gz").write_bytes(gzip.compress(data, mtime=0))
    print(f"{name}: {len(data)} bytes")


def collection_paths(paths: dict[str, Any]) -> dict[tuple[str, str, str], dict[str, Any]]:
    """Group, version, kind -> plural and scope, found by the path that creates such an object."""
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for path, methods in paths.items():
        post = methods.get("post", {})
        if post.get("x-kubernetes-action") != "post" or "{name}" in path:
            continue
        gvk = post["x-kubernetes-group-version-kind"]
        key = (gvk["group"], gvk["version"], gvk["kind"])
        plural = path.rsplit("/", 1)[1]
        actions = {method.get("x-kubernetes-action") for method in methods.values() if isinstance(method, dict)}
        found[key] = {"plural": plural, "namespaced": "{namespace}" in path, "stored": "list" in actions}
    return found


def kind_rows(paths: dict[str, Any]) -> list[dict[str, Any]]:
    collections = collection_paths(paths)
    rows = []
    for key, (short_names, categories) in SERVED.items():
        group, version, kind = key
        facts = collections[key]
        plural = facts["plural"]
        subresources = {name: list(SUBRESOURCE_KINDS.get(name, key)) for name in sorted(SUBRESOURCES.get(plural, ()))}
        rows.append(
            {
                "group": group, "versions": [version], "kind": kind, "plural": plural, "singular": kind.lower(),
                "shortNames": short_names, "categories": categories, "namespaced": facts["namespaced"],
                "stored": facts["stored"], "subresources": subresources,
            }
        )  # fmt: skip
    return rows


def references(schema: Any) -> set[str]:
    if isinstance(schema, list):
        return set().union(*map(references, schema))
    if not isinstance(schema, dict):
        return set()
    found = {schema["$ref"].removeprefix(PREFIX)} if isinstance(schema.get("$ref"), str) else set()
    return found.union(*map(references, schema.values()))


def closure(roots: list[str], definitions: dict[str, Any]) -> list[str]:
    seen: set[str] = set()
    todo = list(roots)
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        todo.extend(references(definitions[name]))
    return sorted(seen)


def rewritten(schema: Any) -> Any:
    if isinstance(schema, list):
        return [rewritten(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: "#/components/schemas/" + value.removeprefix(PREFIX)
        if key == "$ref" and isinstance(value, str)
        else rewritten(value)
        for key, value in schema.items()
    }


def served_schemas(definitions: dict[str, Any]) -> dict[str, Any]:
    """The types of the served kinds, their lists, and all that these refer to."""
    served = {*SERVED, *SUBRESOURCE_KINDS.values()}
    lists = {(group, version, kind + "List") for group, version, kind in SERVED}
    roots = [
        name
        for name, schema in definitions.items()
        for gvk in schema.get("x-kubernetes-group-version-kind", ())
        if (gvk["group"], gvk["version"], gvk["kind"]) in served | lists and ".meta.v1." not in name
    ]
    result = {}
    for name in closure([*roots, *EXTRA_TYPES], definitions):
        schema = rewritten(definitions[name])
        gvks = schema.pop("x-kubernetes-group-version-kind", None)
        if gvks and ".meta.v1." not in name:
            schema["x-kubernetes-group-version-kind"] = gvks
        result[name] = schema
    return result


def openapi_name(message: str) -> str:
    return message.replace("k8s.io.", "io.k8s.", 1)


def embedded(message: str, field: dict[str, Any], facts: tuple[dict[str, Any], dict[str, Any]]) -> bool:
    """Whether the field is an embedded struct: its contents belong one level up in JSON."""
    definitions, messages = facts
    properties = definitions.get(openapi_name(message), {}).get("properties", {})
    if field["type"] != "message" or field.get("repeated") or field["name"] in properties:
        return False
    inner = {inner["name"] for inner in messages[field["message"]]}
    return bool(inner) and inner <= set(properties)


def json_name(message: str, name: str, definitions: dict[str, Any]) -> str:
    """The field's name in JSON; a few messages spell it with a capital letter."""
    properties = definitions.get(openapi_name(message), {}).get("properties", {})
    lowered = name[:1].lower() + name[1:]
    return lowered if name not in properties and lowered in properties else name


def message_facts(messages: dict[str, Any], definitions: dict[str, Any], roots: list[str]) -> dict[str, Any]:
    """Message -> {field number: [name, type, message or map value, repeated, embedded]}."""
    result: dict[str, Any] = {}
    todo = [name for name in messages if openapi_name(name) in roots]
    todo.append("k8s.io.apimachinery.pkg.runtime.Unknown")
    while todo:
        name = todo.pop()
        if name in result:
            continue
        fields = {}
        for field in messages[name]:
            target = field.get("message") or field.get("value", "")
            fields[str(field["number"])] = [
                json_name(name, field["name"], definitions), field["type"], target, bool(field.get("repeated")),
                embedded(name, field, (definitions, messages)),
            ]  # fmt: skip
            if target in messages:
                todo.append(target)
        result[name] = fields
    return result


def main() -> None:
    folder = Path(sys.argv[1])
    openapi = read(folder, "openapi")
    TARGET.mkdir(parents=True, exist_ok=True)
    schemas = served_schemas(openapi["definitions"])
    write("schemas", schemas)
    write("kinds", kind_rows(openapi["paths"]))
    write("messages", message_facts(read(folder, "protobuf-fields"), openapi["definitions"], list(schemas)))
    write("istio", read(folder, "istio-kinds"))


if __name__ == "__main__":
    main()
