"""Look closely at a value that did not fit its struct: find every mistake in it, and undo what protobuf's JSON allows.

In: a plain value, and the struct type it should have. Out: the value in its canonical form and one `Problem` per
mistake, each with the
path of the field. Rule: this walk runs only for values that the fast path refused, so it may take its time; it never
raises.

Leniencies of protobuf's JSON form (https://protobuf.dev/programming-guides/json/): snake_case field names, numbers as
text, whole
numbers written as floats, null for "absent".
"""

import difflib
import functools
from collections.abc import Callable
from typing import Any, Literal, cast

import msgspec
from msgspec import inspect

from lateen.resources.structs import IstioStruct

Sort = Literal["unknown-field", "wrong-type", "missing-field", "bad-value"]

_NAMES = {
    inspect.StrType: "text",
    inspect.IntType: "a whole number",
    inspect.FloatType: "a number",
    inspect.BoolType: "true or false",
    inspect.DictType: "a map",
    inspect.VarTupleType: "a list",
    inspect.StructType: "a map",
}
DEEPEST = 100


class Problem(msgspec.Struct, frozen=True):
    """A mistake: its sort, where it is, what it is, and what to write instead."""

    sort: Sort
    path: str
    message: str
    suggestion: str = ""


class StructFacts(msgspec.Struct, frozen=True):
    """Fields of a struct by the names that users write, snake_case spellings, and whether other names are mistakes."""

    fields: dict[str, inspect.Field]
    spellings: dict[str, str]
    closed: bool


def _facts_of(struct: type[Any]) -> StructFacts:
    """Return the facts of a struct type."""
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)  # noqa: S101 - callers hand over struct types only
    fields = {field.encode_name: field for field in info.fields}
    closed = issubclass(struct, IstioStruct)
    spellings = {field.name.rstrip("_"): field.encode_name for field in info.fields} if closed else {}
    return StructFacts(fields, spellings, closed)


# Cast to plain functions: the type of the cache does not take a type object for something hashable.
facts_of = cast(Callable[[type[Any]], StructFacts], functools.cache(_facts_of))


def _is_free_form(struct: type[Any]) -> bool:
    """Tell whether a struct holds, at any level, values without a type of their own."""
    return _holds_any(inspect.type_info(struct))


def _holds_any(wanted: inspect.Type) -> bool:
    match wanted:
        case inspect.AnyType():
            return True
        case inspect.StructType():
            return any(_holds_any(field.type) for field in wanted.fields)
        case inspect.UnionType():
            return any(_holds_any(member) for member in wanted.types)
        case inspect.DictType():
            return _holds_any(wanted.value_type)
        case inspect.VarTupleType():
            return _holds_any(wanted.item_type)
    return False


is_free_form = cast(Callable[[type[Any]], bool], functools.cache(_is_free_form))


def deeper_than(value: Any, levels: int) -> bool:
    """Tell whether a plain value is nested in more than so many levels; works without recursion."""
    layer = [value]
    for _ in range(levels + 1):
        children: list[Any] = []
        for item in layer:
            if isinstance(item, dict):
                children.extend(item.values())
            elif isinstance(item, list | tuple):
                children.extend(item)
        if not children:
            return False
        layer = children
    return True


def child(path: str, key: str) -> str:
    """Return the path of a field or of a map's entry."""
    if not key or not all(letter.isalnum() or letter in "_-" for letter in key):
        return f"{path}[{key!r}]"
    return f"{path}.{key}" if path else key


def describe(value: Any) -> str:
    """Return a value as a message shows it: short, in the words of YAML."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return repr(value if len(value) <= 60 else value[:60] + "...")
        case dict():
            return "a map"
        case list() | tuple():
            return "a list"
    return str(value)[:60]


def inspect_value(value: Any, struct: type[Any], path: str) -> tuple[Any, tuple[Problem, ...]]:
    """Return the canonical form of `value` as `struct`, and all problems; unknown fields alone leave it usable."""
    problems: list[Problem] = []
    canonical = _walk(value, inspect.type_info(struct), path, problems, DEEPEST)
    return canonical, tuple(problems)


def _walk(value: Any, wanted: inspect.Type, path: str, problems: list[Problem], depth: int) -> Any:
    """Return `value` canonical; report what does not fit."""
    if depth == 0:
        problems.append(Problem("bad-value", path, "is nested too deeply"))
        return None
    if isinstance(wanted, inspect.UnionType):
        return _walk_union(value, wanted, path, problems, depth)
    if isinstance(wanted, inspect.StructType):
        return _walk_struct(value, wanted.cls, path, problems, depth)
    if isinstance(wanted, inspect.DictType):
        return _walk_map(value, wanted, path, problems, depth)
    if isinstance(wanted, inspect.VarTupleType):
        return _walk_list(value, wanted, path, problems, depth)
    if isinstance(wanted, inspect.AnyType):
        return value
    return _scalar(value, wanted, path, problems)


def _walk_union(value: Any, wanted: inspect.UnionType, path: str, problems: list[Problem], depth: int) -> Any:
    """Take `X | None` as X (null was absence), and `int | str` as it comes."""
    members = [member for member in wanted.types if not isinstance(member, inspect.NoneType)]
    if len(members) == 1:
        return _walk(value, members[0], path, problems, depth)
    if isinstance(value, int | str) and not isinstance(value, bool):
        return value
    problems.append(Problem("wrong-type", path, f"must be a number or text, not {describe(value)}"))
    return None


def _walk_struct(value: Any, struct: type[Any], path: str, problems: list[Problem], depth: int) -> Any:
    """Go through the fields; absent ones that must be there are reported too."""
    if not isinstance(value, dict):
        problems.append(_misfit(value, inspect.StructType, path))
        return None
    facts = facts_of(struct)
    result: dict[str, Any] = {}
    for key, item in value.items():
        name = key if key in facts.fields else facts.spellings.get(key)
        if name is not None and item is not None:
            result[name] = _walk(item, facts.fields[name].type, child(path, key), problems, depth - 1)
        elif name is None and facts.closed:
            problems.append(_unknown(str(key), facts, path))
    problems.extend(
        Problem("missing-field", child(path, name), "is required and missing")
        for name, field in facts.fields.items()
        if field.required and name not in result
    )
    return result


def _unknown(key: str, facts: StructFacts, path: str) -> Problem:
    """Report a field that does not exist, with the one that may have been meant."""
    near = difflib.get_close_matches(key[:100], list(facts.fields), n=1, cutoff=0.7)
    known = ", ".join(sorted(facts.fields)) or "none"
    suggestion = f"did you mean {near[0]}?" if near else f"known fields here: {known}"
    return Problem("unknown-field", child(path, key), "is no field of this kind", suggestion)


def _walk_map(value: Any, wanted: inspect.DictType, path: str, problems: list[Problem], depth: int) -> Any:
    """Go through the entries of a map from text."""
    if not isinstance(value, dict):
        problems.append(_misfit(value, inspect.DictType, path))
        return None
    result: dict[str, Any] = {}
    for key, item in value.items():
        if not isinstance(key, str):
            problems.append(
                Problem("wrong-type", child(path, str(key)), f"has the key {describe(key)}", "put the key in quotes")
            )
        elif item is not None:
            result[key] = _walk(item, wanted.value_type, child(path, key), problems, depth - 1)
        elif isinstance(wanted.value_type, inspect.StrType):
            result[key] = ""
    return result


def _walk_list(value: Any, wanted: inspect.VarTupleType, path: str, problems: list[Problem], depth: int) -> Any:
    """Go through the entries of a list; null entries are mistakes."""
    if not isinstance(value, list | tuple):
        suggestion = "" if isinstance(value, dict) else f"write [{describe(value)}]"
        problems.append(_misfit(value, inspect.VarTupleType, path, suggestion))
        return None
    return [_walk(item, wanted.item_type, f"{path}[{index}]", problems, depth - 1) for index, item in enumerate(value)]


def _scalar(value: Any, wanted: inspect.Type, path: str, problems: list[Problem]) -> Any:
    """Check one scalar and bring numbers that are written as text or as floats into their form."""
    if isinstance(wanted, inspect.LiteralType):
        return _choice(value, wanted, path, problems)
    if isinstance(wanted, inspect.IntType):
        number = _as_number(value)
        if number is not None and number == int(number):
            return int(number)
    elif isinstance(wanted, inspect.FloatType):
        number = _as_number(value)
        if number is not None:
            return float(number)
    elif (isinstance(wanted, inspect.BoolType) and isinstance(value, bool)) or (
        isinstance(wanted, inspect.StrType) and isinstance(value, str)
    ):
        return value
    quoted = isinstance(wanted, inspect.StrType) and isinstance(value, int | float)
    problems.append(_misfit(value, type(wanted), path, f'put it in quotes: "{describe(value)}"' if quoted else ""))
    return None


def _as_number(value: Any) -> float | int | None:
    """Return the finite number that a value stands for, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, int):
        return value
    try:
        number = float(value)
        if isinstance(value, str) and value.lstrip("-").isdigit():
            return int(value)
    except ValueError:
        return None
    return number if number - number == 0 else None


def _choice(value: Any, wanted: inspect.LiteralType, path: str, problems: list[Problem]) -> Any:
    """Check a value that must be one of a few."""
    if value in wanted.values:
        return value
    near = difflib.get_close_matches(str(value).upper()[:100], [str(one) for one in wanted.values], n=1)
    suggestion = f"did you mean {near[0]}?" if near else ""
    choices = ", ".join(str(one) for one in wanted.values)
    problems.append(Problem("bad-value", path, f"must be one of {choices}, not {describe(value)}", suggestion))
    return None


def _misfit(value: Any, wanted: type[inspect.Type], path: str, suggestion: str = "") -> Problem:
    """Report a value of the wrong sort."""
    name = _NAMES.get(wanted, "something else")
    return Problem("wrong-type", path, f"must be {name}, not {describe(value)}", suggestion)
