"""The difference of two JSON documents as a JSON patch (RFC 6902).

In: two documents. Out: operations that lead from the first to the second. The rule: equal documents give an empty
patch; lists are replaced as a whole where they differ, because the position of a container means more than the size
of the patch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def json_patch(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The operations, in the order of the names."""
    operations: list[dict[str, Any]] = []
    _compare(before, after, "", operations)
    return operations


def _compare(before: Mapping[str, Any], after: Mapping[str, Any], path: str, found: list[dict[str, Any]]) -> None:
    for name in sorted(before.keys() | after.keys()):
        here = f"{path}/{_escaped(name)}"
        if name not in after:
            found.append({"op": "remove", "path": here})
        elif name not in before:
            found.append({"op": "add", "path": here, "value": after[name]})
        elif isinstance(before[name], Mapping) and isinstance(after[name], Mapping):
            _compare(before[name], after[name], here, found)
        elif before[name] != after[name]:
            found.append({"op": "replace", "path": here, "value": after[name]})


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
