"""The small part of JSONPath that printer columns use: `.spec.hosts`, `.a['b.c']`, `.items[0]`,
`[?(@.type=="Ready")].status`.

In: the path's text. Out: a function from an object to the list of values found. A path that is not understood finds
nothing: a table is a view and never fails.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

Finder = Callable[[Any], list[Any]]
STEP = re.compile(
    r"""\.(?P<name>(?:[^.\[\]\\]|\\.)+)
      | \[(?P<index>-?\d+)\]
      | \[(?P<all>\*)\]
      | \[(?P<quote>['"])(?P<key>.*?)(?P=quote)\]
      | \[\?\(@(?P<left>[^=!]*?)\s*==\s*(?P<mark>['"])(?P<right>.*?)(?P=mark)\)\]""",
    re.VERBOSE,
)
MAX_STEPS = 50


def json_path(text: str) -> Finder:
    """A function that finds the path's values in an object."""
    steps = _steps(text if text.startswith((".", "[")) else "." + text)

    def find(obj: Any) -> list[Any]:
        values = [obj]
        for step in steps:
            values = [found for value in values for found in _follow(value, step)]
        return values

    return find if steps else lambda _obj: []


def _steps(text: str) -> list[dict[str, str | None]]:
    steps: list[dict[str, str | None]] = []
    position = 0
    while position < len(text):
        match = STEP.match(text, position)
        if match is None or len(steps) >= MAX_STEPS:
            return []
        steps.append(match.groupdict())
        position = match.end()
    return steps


def _follow(value: Any, step: dict[str, str | None]) -> list[Any]:
    name = step["name"].replace("\\", "") if step["name"] is not None else step["key"]
    if name is not None:
        return [value[name]] if isinstance(value, dict) and name in value else []
    if step["left"] is not None and isinstance(value, list):
        wanted = json_path(step["left"]) if step["left"] else lambda obj: [obj]
        return [item for item in value if step["right"] in wanted(item)]
    if step["all"] is not None:
        return list(value) if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else []
    if step["index"] is not None and isinstance(value, list):
        index = int(step["index"])
        return [value[index]] if -len(value) <= index < len(value) else []
    return []


def cell_of(found: list[Any], kind: str) -> Any:
    """The cell for the values found: scalars as they are, containers as JSON, nothing as null."""
    if not found or found[0] is None:
        return None
    value = found[0]
    if isinstance(value, (dict, list)):
        return msgspec.json.encode(value).decode()
    if kind in ("integer", "number", "boolean"):
        return value
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
