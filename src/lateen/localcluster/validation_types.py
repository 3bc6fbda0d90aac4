"""Does an object have the shape of its kind: field names and JSON types.

In: a decoded body and its kind. Out: the object with only known fields, the paths of unknown ones, and type errors.
The rules: unknown fields are reported and never stored; null means absent; a wrong type refuses the whole object with
the field's path. What values mean is checked elsewhere (`validation_custom`, `validation_kinds`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from lateen.localcluster import schemas
from lateen.localcluster.registry import KindInfo

JSON = dict[str, Any]
QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
JSON_TYPES = {dict: "object", list: "array", str: "string", bool: "bool", int: "number", float: "number"}
GO_TYPES = {"string": "string", "boolean": "bool", "integer": "int32", "number": "float64"}
MAX_REPORTED = 50


class TypeFault(NamedTuple):
    """A value of the wrong type: its path, the wanted JSON type (`integer`, ...) and the value found."""

    path: str
    wanted: str
    value: Any

    @property
    def found(self) -> str:
        return "null" if self.value is None else JSON_TYPES.get(type(self.value), "unknown")


class Shape(NamedTuple):
    """The outcome: the object without unknown fields, their paths, and type faults."""

    obj: JSON
    unknown: list[str]
    faults: list[TypeFault]


class _Walk:
    """One pass over one object."""

    def __init__(self, *, strict_null: bool) -> None:
        self.unknown: list[str] = []
        self.faults: list[TypeFault] = []
        self._strict_null = strict_null

    def fault(self, path: str, wanted: str, value: Any) -> Any:
        if len(self.faults) < MAX_REPORTED:
            self.faults.append(TypeFault(path, wanted, value))
        return value

    def any(self, value: Any, schema: JSON, path: str) -> Any:
        name = schemas.reference_name(schema)
        if name:
            if name in schemas.OPAQUE or name == QUANTITY:
                return self._opaque(value, name, path)
            schema = schemas.resolved(schema)
        if schema.get("x-kubernetes-int-or-string") or schema.get("format") == "int-or-string":
            good = isinstance(value, (str, int)) and not isinstance(value, bool)
            return value if good else self.fault(path, "integer or string", value)
        wanted = schema.get("type")
        if wanted == "object" or isinstance(value, dict):
            return self._object(value, schema, path)
        if wanted == "array":
            return self._array(value, schema, path)
        return value if wanted is None else self._scalar(value, wanted, path)

    def _opaque(self, value: Any, name: str, path: str) -> Any:
        if name != QUANTITY:
            return value
        good = isinstance(value, (str, int, float)) and not isinstance(value, bool)
        return str(value) if good else self.fault(path, "string", value)

    def _scalar(self, value: Any, wanted: str, path: str) -> Any:
        if wanted == "integer" and isinstance(value, float) and value.is_integer():
            return int(value)
        kinds: dict[str, tuple[type, ...]] = {
            "string": (str,), "boolean": (bool,), "integer": (int,), "number": (int, float)
        }  # fmt: skip
        good = isinstance(value, kinds.get(wanted, (object,)))
        if isinstance(value, bool) and wanted != "boolean":
            good = False
        return value if good else self.fault(path, wanted, value)

    def _array(self, value: Any, schema: JSON, path: str) -> Any:
        if not isinstance(value, list):
            return self.fault(path, "array", value)
        items = schema.get("items") or {}
        return [self.any(item, items, f"{path}[{index}]") for index, item in enumerate(value) if item is not None]

    def _object(self, value: Any, schema: JSON, path: str) -> Any:
        if not isinstance(value, dict) or schema.get("type") not in ("object", None):
            return self.fault(path, str(schema.get("type")), value)
        properties = schema.get("properties")
        extra = schema.get("additionalProperties")
        keep = schema.get("x-kubernetes-preserve-unknown-fields") or (properties is None and extra is None)
        result = {}
        for key, item in value.items():
            where = f"{path}.{key}" if path else key
            inner = (properties or {}).get(key)
            if inner is None and isinstance(extra, dict):
                inner = extra
            if inner is not None:
                if item is None and not inner.get("nullable"):
                    if self._strict_null:
                        self.fault(where, str(inner.get("type")), None)
                    continue
                result[key] = self.any(item, inner, where)
            elif keep or extra is True:
                result[key] = item
            elif len(self.unknown) < MAX_REPORTED:
                self.unknown.append(where)
        return result


def shape(obj: JSON, info: KindInfo) -> Shape:
    """Check an object against its kind's schema."""
    schema = schemas.of_kind(info)
    if not info.custom:
        return shape_of(obj, schema)
    walk = _Walk(strict_null=True)
    meta_walk = _Walk(strict_null=False)
    envelope: JSON = {key: obj[key] for key in ("apiVersion", "kind") if key in obj}
    metadata = meta_walk.any(obj.get("metadata") or {}, {"$ref": schemas.REFERENCE + schemas.OBJECT_META}, "metadata")
    rest = {key: value for key, value in obj.items() if key not in ("apiVersion", "kind", "metadata")}
    body = walk.any(rest, schema, "")
    return Shape(
        {**envelope, "metadata": metadata, **body}, meta_walk.unknown + walk.unknown, meta_walk.faults + walk.faults
    )


def shape_of(obj: JSON, schema: JSON) -> Shape:
    """Check an object against a built-in type's schema."""
    walk = _Walk(strict_null=False)
    return Shape(walk.any(obj, schema, ""), walk.unknown, walk.faults)
