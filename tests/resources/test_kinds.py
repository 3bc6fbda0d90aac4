"""The table of kinds agrees with the published facts of Istio's kinds."""

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import inspect

from lateen.resources.kinds import KINDS, kind_named, kind_of, versions_of

SHARED = Path(os.environ.get("LATEEN_SHARED", Path(__file__).parents[2] / ".." / "shared"))
FACTS = SHARED / "kubernetes-api" / "istio-kinds.json.gz"
needs_facts = pytest.mark.skipif(not FACTS.exists(), reason=f"{FACTS} is missing")


def facts() -> list[dict[str, Any]]:
    """Return the published facts."""
    with gzip.open(FACTS) as file:
        found: list[dict[str, Any]] = json.load(file)
    return found


def test_every_kind_is_found_by_its_versions() -> None:
    """Look-ups by name and by apiVersion lead to the same row; names are unique."""
    for kind in KINDS:
        assert kind_named(kind.kind) is kind
        assert versions_of(kind.kind)[0] == kind.api_version
        for api_version in versions_of(kind.kind):
            assert kind_of(api_version, kind.kind) is kind
    assert len({(kind.group, kind.plural) for kind in KINDS}) == len(KINDS)


def test_unknown_kinds() -> None:
    """What is not served is not found."""
    assert kind_of("v2", "Pod") is None
    assert kind_named("Cheese") is None
    assert versions_of("Cheese") == ()


@needs_facts
def test_names_versions_and_columns_are_the_published_ones() -> None:
    """`kubectl api-resources` and `kubectl get` show what they show with Istio."""
    for fact in facts():
        names = fact["names"]
        kind = kind_named(names["kind"])
        assert kind is not None
        assert (kind.group, kind.plural, kind.singular) == (fact["group"], names["plural"], names["singular"])
        assert list(kind.short_names) == names.get("shortNames", [])
        assert list(kind.categories) == names["categories"]
        assert set(kind.versions) == {version["name"] for version in fact["versions"]}
        columns = [(column.name, column.type, column.json_path) for column in kind.printer_columns]
        published = fact["versions"][0].get("additionalPrinterColumns", [])
        assert columns == [(column["name"], column["type"], column["jsonPath"]) for column in published]


@needs_facts
def test_structs_have_all_published_fields() -> None:
    """Fields, sorts of value, enumerations and required fields of every version."""
    differences = []
    for fact in facts():
        kind = kind_named(fact["names"]["kind"])
        assert kind is not None
        for version in fact["versions"]:
            schema = version["schema"]["properties"]["spec"]
            differences += list(compare(schema, inspect.type_info(kind.spec_type), kind.kind))

    assert differences == []


def compare(schema: dict[str, Any], wanted: inspect.Type, path: str) -> Iterator[str]:
    """Yield where a struct differs from a published schema."""
    if isinstance(wanted, inspect.UnionType):
        wanted = next(member for member in wanted.types if not isinstance(member, inspect.NoneType))
    if "enum" in schema:
        if not isinstance(wanted, inspect.LiteralType) or set(wanted.values) != set(schema["enum"]):
            yield f"{path}: enumeration"
    elif "properties" in schema:
        yield from compare_fields(schema, wanted, path)
    elif schema["type"] == "array":
        assert isinstance(wanted, inspect.VarTupleType), path
        yield from compare(schema["items"], wanted.item_type, f"{path}[]")
    elif "additionalProperties" in schema:
        assert isinstance(wanted, inspect.DictType), path
        yield from compare(schema["additionalProperties"], wanted.value_type, f"{path}{{}}")
    else:
        sorts = {
            "string": inspect.StrType,
            "integer": inspect.IntType,
            "number": inspect.FloatType,
            "boolean": inspect.BoolType,
            "object": inspect.DictType,
        }
        if not isinstance(wanted, sorts[schema["type"]]):
            yield f"{path}: {schema['type']}"


def compare_fields(schema: dict[str, Any], wanted: inspect.Type, path: str) -> Iterator[str]:
    """Yield where the fields differ; published names with underscores are second spellings of others."""
    assert isinstance(wanted, inspect.StructType), path
    fields = {field.encode_name: field for field in wanted.fields}
    published = {name for name in schema["properties"] if "_" not in name}
    yield from (f"{path}.{name}" for name in published ^ set(fields))
    for name in published & set(fields):
        if fields[name].required != (name in schema.get("required", [])):
            yield f"{path}.{name}: required"
        yield from compare(schema["properties"][name], fields[name].type, f"{path}.{name}")
