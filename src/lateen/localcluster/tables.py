"""Tables: what `kubectl get` prints, made by the server.

In: stored objects, their kind, the time. Out: a `Table` with column definitions and rows. Built-in kinds have their
columns in `tables_builtin`, custom kinds in their definition's printer columns. The rule: a cell that cannot be
computed is `<none>` or empty, never an error: a table is a view, and a strange object must still be listed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from lateen.localcluster.registry import KindInfo
from lateen.localcluster.tables_age import age
from lateen.localcluster.tables_path import cell_of, json_path

JSON = dict[str, Any]


class Column(NamedTuple):
    """A column: title, cell function (object, now as RFC 3339) and whether only `-o wide` shows it."""

    title: str
    cell: Callable[[JSON, float], Any]
    wide: bool = False
    type: str = "string"

    def definition(self) -> JSON:
        return {
            "name": self.title,
            "type": self.type,
            "format": "name" if self.title == "Name" else "",
            "description": "",
            "priority": 1 if self.wide else 0,
        }


def name_cell(obj: JSON, _now: float) -> str:
    return str(obj["metadata"]["name"])


def age_cell(obj: JSON, now: float) -> str:
    return age(obj["metadata"].get("creationTimestamp"), now)


NAME = Column("Name", name_cell)
AGE = Column("Age", age_cell)


def custom_columns(info: KindInfo) -> tuple[Column, ...]:
    """The columns of a custom kind: its name and what its definition declares, or its age."""
    declared = tuple(_custom_column(column) for column in info.columns)
    return (NAME, *declared) if declared else (NAME, AGE)


def _custom_column(column: JSON) -> Column:
    path = json_path(column["jsonPath"])
    kind = column.get("type", "string")

    def cell(obj: JSON, now: float) -> Any:
        found = path(obj)
        if kind == "date":
            return age(found[0] if found else None, now)
        return cell_of(found, kind)

    return Column(column["name"], cell, bool(column.get("priority")), kind)


def table(
    columns: Sequence[Column], objects: Iterable[JSON], now: float, *, include: str = "Metadata", header: bool = True
) -> JSON:
    """The Table of these objects. `include` is the request's `includeObject`: None, Metadata or Object."""
    result: JSON = {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {}}
    result["columnDefinitions"] = [column.definition() for column in columns] if header else None
    result["rows"] = [_row(columns, obj, now, include) for obj in objects]
    return result


def _row(columns: Sequence[Column], obj: JSON, now: float, include: str) -> JSON:
    row: JSON = {"cells": [column.cell(obj, now) for column in columns]}
    if include == "Object":
        row["object"] = obj
    elif include != "None":
        row["object"] = partial(obj)
    return row


def partial(obj: JSON) -> JSON:
    """The PartialObjectMetadata of an object."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}
