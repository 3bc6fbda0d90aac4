"""Values of custom kinds, checked against the structural schema of their definition; and that schema's defaults.

In: an object whose shape is already right, and an OpenAPI v3 schema. Out: field errors in Kubernetes' words, or the
object with defaults. Patterns run on RE2, so no schema can make the server hang. CEL rules
(`x-kubernetes-validations`) are not evaluated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import msgspec
import re2

from lateen.localcluster.errors import FieldError
from lateen.localcluster.validation_meta import bad_value, quoted, required, unsupported

JSON = dict[str, Any]
MAX_ERRORS = 50
MAX_SHOWN = 200


def with_defaults(value: Any, schema: JSON) -> Any:
    """The value with the defaults that its schema declares."""
    if isinstance(value, dict):
        properties = schema.get("properties") or {}
        extra = schema.get("additionalProperties")
        result = {
            key: with_defaults(item, properties.get(key) or (extra if isinstance(extra, dict) else {}))
            for key, item in value.items()
        }
        for key, inner in properties.items():
            if "default" in inner and result.get(key) is None:
                result[key] = with_defaults(inner["default"], inner)
        return result
    if isinstance(value, list):
        items = schema.get("items") or {}
        return [with_defaults(item, items) for item in value] if items else value
    return value


def errors(obj: JSON, schema: JSON) -> list[FieldError]:
    """Everything about the object that its schema forbids, at most fifty errors."""
    rest = {key: value for key, value in obj.items() if key not in ("apiVersion", "kind", "metadata")}
    found: list[FieldError] = []
    for error in _value(rest, schema, ""):
        found.append(error)
        if len(found) >= MAX_ERRORS:
            break
    return found


def _value(value: Any, schema: JSON, path: str) -> Iterable[FieldError]:
    if value is None and schema.get("nullable"):
        return
    yield from _enumerated(value, schema, path)
    if isinstance(value, str):
        yield from _text(value, schema, path)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield from _number(value, schema, path)
    elif isinstance(value, list):
        yield from _list(value, schema, path)
    elif isinstance(value, dict):
        yield from _map(value, schema, path)
    yield from _combined(value, schema, path)


def _enumerated(value: Any, schema: JSON, path: str) -> Iterable[FieldError]:
    choices = schema.get("enum")
    if choices is not None and value not in choices:
        yield unsupported(path, value, tuple(str(choice) for choice in choices))


def _text(value: str, schema: JSON, path: str) -> Iterable[FieldError]:
    if len(value) > schema.get("maxLength", len(value)):
        message = f"Too long: may not be more than {schema['maxLength']} bytes"
        yield FieldError(path, message, "FieldValueTooLong")
    if len(value) < schema.get("minLength", 0):
        yield bad_value(path, value, f"{path} in body should be at least {schema['minLength']} chars long")
    pattern = schema.get("pattern")
    if pattern is not None and not _matches(pattern, value):
        yield bad_value(path, value, f"{path} in body should match '{pattern}'")


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error:
        return None


def _matches(pattern: str, value: str) -> bool:
    compiled = _compiled(pattern)
    return compiled is None or compiled.search(value) is not None


def _number(value: float, schema: JSON, path: str) -> Iterable[FieldError]:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and (value < low or (schema.get("exclusiveMinimum") and value == low)):
        yield bad_value(path, value, f"{path} in body should be greater than or equal to {low}")
    if high is not None and (value > high or (schema.get("exclusiveMaximum") and value == high)):
        yield bad_value(path, value, f"{path} in body should be less than or equal to {high}")


def _count(size: int, schema: JSON, path: str, keys: tuple[str, str, str]) -> Iterable[FieldError]:
    low, high, noun = keys
    if size > schema.get(high, size):
        yield FieldError(path, f"Too many: {size}: must have at most {schema[high]} {noun}", "FieldValueTooMany")
    if size < schema.get(low, 0):
        yield bad_value(path, size, f"{path} in body should have at least {schema[low]} {noun}")


def _list(value: list[Any], schema: JSON, path: str) -> Iterable[FieldError]:
    yield from _count(len(value), schema, path, ("minItems", "maxItems", "items"))
    yield from _duplicates(value, schema, path)
    items = schema.get("items")
    if items:
        for index, item in enumerate(value):
            yield from _value(item, items, f"{path}[{index}]")


def _duplicates(value: list[Any], schema: JSON, path: str) -> Iterable[FieldError]:
    kind, keys = schema.get("x-kubernetes-list-type"), schema.get("x-kubernetes-list-map-keys") or ()
    if kind not in ("set", "map"):
        return
    seen: set[bytes] = set()
    for index, item in enumerate(value):
        identity = {key: item.get(key) for key in keys} if kind == "map" and isinstance(item, dict) else item
        encoded = msgspec.json.encode(identity, order="deterministic")
        if encoded in seen:
            text = encoded.decode()[:MAX_SHOWN]
            yield FieldError(f"{path}[{index}]", f"Duplicate value: {text}", "FieldValueDuplicate")
        seen.add(encoded)


def _map(value: JSON, schema: JSON, path: str) -> Iterable[FieldError]:
    yield from _count(len(value), schema, path, ("minProperties", "maxProperties", "properties"))
    for key in schema.get("required") or ():
        if key not in value:
            yield required(_join(path, key))
    properties, extra = schema.get("properties") or {}, schema.get("additionalProperties")
    for key, item in value.items():
        inner = properties.get(key)
        if inner is None and isinstance(extra, dict):
            inner = extra
        if inner is not None:
            yield from _value(item, inner, _join(path, key))


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _holds(value: Any, path: str) -> Callable[[JSON], bool]:
    return lambda schema: next(iter(_value(value, schema, path)), None) is None


def _combined(value: Any, schema: JSON, path: str) -> Iterable[FieldError]:
    """allOf, anyOf, oneOf and not: value rules that combine others."""
    holds = _holds(value, path)
    for inner in schema.get("allOf") or ():
        yield from _value(value, inner, path)
    any_of, one_of, none_of = schema.get("anyOf"), schema.get("oneOf"), schema.get("not")
    if any_of and not schema.get("x-kubernetes-int-or-string") and not any(map(holds, any_of)):
        yield _unmet(path, value, "must validate at least one schema (anyOf)")
    if one_of:
        good = sum(map(holds, one_of))
        if good != 1:
            found = "Found none valid" if good == 0 else f"Found {good} valid alternatives"
            yield _unmet(path, value, f"must validate one and only one schema (oneOf). {found}")
    if none_of and holds(none_of):
        yield _unmet(path, value, "must not validate the schema (not)")


def _unmet(path: str, value: Any, why: str) -> FieldError:
    shown = msgspec.json.encode(value).decode()[:MAX_SHOWN] if isinstance(value, (dict, list)) else quoted(value)
    return FieldError(path or "<nil>", f'Invalid value: {shown}: "{path}" {why}')
