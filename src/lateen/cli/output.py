"""Printing: tables with the spacing of istioctl and kubectl, JSON and YAML.

In: rows or data. Out: text on standard output. Colour is the terminal's and the user's choice (NO_COLOR).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import click
import msgspec
import yaml

GAP = 5


def table(header: Sequence[str], rows: Iterable[Sequence[str]], gap: int = GAP) -> str:
    """Columns as wide as their longest cell and `gap` blanks; the last column ends where its text ends."""
    lines = [list(header), *(list(row) for row in rows)]
    widths = [max(len(line[i]) for line in lines) + gap for i in range(len(header) - 1)]
    return "".join(
        "".join(cell.ljust(width) for cell, width in zip(line, widths, strict=False)) + line[-1] + "\n"
        for line in lines
    )


def structured(data: Any, form: str) -> str:
    """`data` as `json` (indented by four) or `yaml`."""
    if form == "json":
        return msgspec.json.format(msgspec.json.encode(data), indent=4).decode() + "\n"
    return str(yaml.safe_dump(data, sort_keys=False))


def show(text: str) -> None:
    """Write text that already ends with a newline."""
    click.echo(text, nl=False)
