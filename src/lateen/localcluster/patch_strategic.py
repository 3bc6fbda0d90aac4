"""Strategic merge patch: lists of objects merge by key, with directives, as Kubernetes defines it.

In: an object, a patch and the kind, whose type says which lists merge and by which key. Out: a new object. Known
directives: `$patch: delete|replace|merge`, `$deleteFromPrimitiveList/x`, `$setElementOrder/x`, `$retainKeys`. The
rule: a list without a merge key in its type is replaced as a whole; a directive that makes no sense refuses the
patch.
"""

from __future__ import annotations

from typing import Any

from lateen.localcluster import schemas
from lateen.localcluster.errors import ApiError, bad_request
from lateen.localcluster.registry import KindInfo

JSON = dict[str, Any]
DIRECTIVE = "$patch"
RETAIN = "$retainKeys"
DELETE_PREFIX = "$deleteFromPrimitiveList/"
ORDER_PREFIX = "$setElementOrder/"
SPECIAL_PREFIXES = (DELETE_PREFIX, ORDER_PREFIX)


def apply(obj: JSON, patch: JSON, info: KindInfo) -> JSON:
    """The patched object. Raises `ApiError` 400 for directives that make no sense."""
    return _merge_map(obj, patch, schemas.of_kind(info))


def _merge_map(current: Any, patch: JSON, schema: JSON) -> JSON:
    directive = patch.get(DIRECTIVE)
    if directive == "replace":
        return {key: _plain(value) for key, value in patch.items() if key != DIRECTIVE and value is not None}
    if directive == "delete":
        return {}
    if directive not in (None, "merge"):
        raise bad_request(f"unknown patch type {str(directive)[:40]!r}: use delete, replace or merge")
    result = dict(current) if isinstance(current, dict) else {}
    _retain(result, patch)
    for key, value in patch.items():
        if key in (DIRECTIVE, RETAIN) or key.startswith(SPECIAL_PREFIXES):
            continue
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merge_field(result.get(key), value, schemas.field(schema, key) or {}, _order(patch, key))
    for key, value in patch.items():
        if key.startswith(DELETE_PREFIX):
            _delete_primitives(result, key.removeprefix(DELETE_PREFIX), value)
        elif key.startswith(ORDER_PREFIX):
            _only_order(result, key.removeprefix(ORDER_PREFIX), value, patch, schema)
    return result


def _order(patch: JSON, key: str) -> list[Any]:
    order = patch.get(ORDER_PREFIX + key) or []
    if not isinstance(order, list):
        raise bad_request(f"{ORDER_PREFIX}{key} must be a list")
    return order


def _retain(result: JSON, patch: JSON) -> None:
    keep = patch.get(RETAIN)
    if keep is None:
        return
    if not isinstance(keep, list):
        raise bad_request(f"{RETAIN} must be a list of field names")
    kept = {_mark(item) for item in keep}
    for key in [key for key in result if _mark(key) not in kept]:
        del result[key]


def _merge_field(current: Any, value: Any, schema: JSON, order: list[Any]) -> Any:
    if isinstance(value, dict):
        return _merge_map(current, value, schema)
    if isinstance(value, list):
        return _merge_list(current, value, schema, order)
    return value


def _merge_list(current: Any, patch: list[Any], schema: JSON, order: list[Any]) -> list[Any]:
    strategy = schema.get("x-kubernetes-patch-strategy", "")
    if "merge" not in strategy.split(","):
        return [_plain(value) for value in patch]
    existing = current if isinstance(current, list) else []
    key = schema.get("x-kubernetes-patch-merge-key")
    if key is None:
        return _ordered(existing + _without(patch, existing), order, None)
    if any(isinstance(value, dict) and value.get(DIRECTIVE) == "replace" and key not in value for value in patch):
        return [_plain(value) for value in patch if not (isinstance(value, dict) and value.get(DIRECTIVE) == "replace")]
    return _ordered(_merge_items(existing, patch, key, schema), order, key)


def _merge_items(existing: list[Any], patch: list[Any], key: str, schema: JSON) -> list[Any]:
    result = list(existing)
    places: dict[Any, list[int]] = {}
    for place, item in enumerate(result):
        if isinstance(item, dict) and key in item:
            places.setdefault(_mark(item[key]), []).append(place)
    gone: set[int] = set()
    for value in patch:
        mark = _mark(_key_value(value, key))
        if value.get(DIRECTIVE) == "delete":
            gone.update(places.pop(mark, ()))
        elif mark in places:
            place = places[mark][0]
            result[place] = _merge_map(result[place], value, schemas.item(schema))
        else:
            places[mark] = [len(result)]
            result.append(_merge_map({}, value, schemas.item(schema)))
    return [item for place, item in enumerate(result) if place not in gone]


def _key_value(value: Any, key: str) -> Any:
    """What an item of a patch merges by. Raises `ApiError` 400."""
    if not isinstance(value, dict):
        raise bad_request(f"a list that merges by {key!r} has an item that is no object")
    if key not in value:
        raise _no_key(key)
    return value[key]


def _mark(value: Any) -> Any:
    """Something to look a value up by, so that large lists merge in one pass: equal values have equal marks."""
    return value if isinstance(value, str | int | float | None) else (repr(value),)


def _without(items: list[Any], others: list[Any]) -> list[Any]:
    """The items that are not among the others."""
    known = {_mark(item) for item in others}
    return [item for item in items if _mark(item) not in known]


def _no_key(key: str) -> ApiError:
    return bad_request(f"map: does not contain declared merge key: {key}")


def _only_order(result: JSON, key: str, order: Any, patch: JSON, schema: JSON) -> None:
    """An order for a list that the patch does not otherwise touch."""
    if key in patch or not isinstance(result.get(key), list) or not isinstance(order, list):
        return
    merge_key = (schemas.field(schema, key) or {}).get("x-kubernetes-patch-merge-key")
    result[key] = _ordered(result[key], order, merge_key)


def _ordered(items: list[Any], order: list[Any], key: str | None) -> list[Any]:
    """Items in the patch's order; items that only the server has stay behind the neighbour that they followed."""
    if not order:
        return items
    wanted = [_identity(item, key) for item in order]
    rank = {repr(identity): place for place, identity in enumerate(wanted)}
    ranked: list[tuple[int, int, Any]] = []
    last = -1
    for place, item in enumerate(items):
        last = rank.get(repr(_identity(item, key)), last)
        ranked.append((last, place if repr(_identity(item, key)) not in rank else -1, item))
    return [item for _, _, item in sorted(ranked, key=lambda entry: entry[:2])]


def _identity(item: Any, key: str | None) -> Any:
    return item.get(key) if key is not None and isinstance(item, dict) else item


def _delete_primitives(result: JSON, key: str, values: Any) -> None:
    if not isinstance(values, list):
        raise bad_request(f"{DELETE_PREFIX}{key} must be a list")
    if isinstance(result.get(key), list):
        result[key] = _without(result[key], values)


def _plain(value: Any) -> Any:
    """The value without directives and nulls: what is left when there is nothing to merge with."""
    if isinstance(value, list):
        return [_plain(item) for item in value if not (isinstance(item, dict) and item.get(DIRECTIVE) == "delete")]
    if not isinstance(value, dict):
        return value
    return {
        key: _plain(item)
        for key, item in value.items()
        if item is not None and key not in (DIRECTIVE, RETAIN) and not key.startswith(SPECIAL_PREFIXES)
    }
