"""The numbers as a table and as JSON, with the machine that they are from.

In: numbers by name, one per run. Out: text. Rule: a number is shown with the spread of its runs.
"""

import json
import os
import platform
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

Numbers = Mapping[str, Sequence[float]]


def machine() -> dict[str, Any]:
    """Return what the numbers depend on."""
    models = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    memory = next((int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    return {
        "date": time.strftime("%Y-%m-%d"),
        "cpu": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 1e6, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def _lines(path: str) -> list[str]:
    file = Path(path)
    return file.read_text().splitlines() if file.exists() else []


def as_json(numbers: Mapping[str, Numbers]) -> str:
    """Return everything as JSON: the machine, and median, least and most of each number."""
    found = {
        part: {
            name: {"median": statistics.median(runs), "min": min(runs), "max": max(runs), "runs": list(runs)}
            for name, runs in group.items()
        }
        for part, group in numbers.items()
    }
    return json.dumps({"machine": machine(), "results": found}, indent=2)


def as_markdown(numbers: Mapping[str, Numbers]) -> str:
    """Return the machine and the table for `docs/benchmarks.md`."""
    facts = "\n".join(f"* {name}: {value}" for name, value in machine().items())
    rows = [
        f"| {part}: {name} | {statistics.median(runs):.2f} | {min(runs):.2f} | {max(runs):.2f} | {len(runs)} |"
        for part, group in numbers.items()
        for name, runs in group.items()
    ]
    return "\n".join([facts, "", "| what | median | min | max | runs |", "|---|---:|---:|---:|---:|", *rows, ""])


def show(numbers: Mapping[str, Numbers], console: Console) -> None:
    """Print a table for people."""
    facts = machine()
    title = (
        f"{facts['date']}, {facts['cores']} cores of {facts['cpu']}, {facts['memory_gb']} GB, Linux {facts['kernel']}"
    )
    table = Table("what", "median", "min", "max", "runs", title=title)
    for column in table.columns[1:]:
        column.justify = "right"
    for part, group in numbers.items():
        table.add_section()
        for name, runs in group.items():
            median = statistics.median(runs)
            table.add_row(
                f"{part}: {name}", *(f"{value:.2f}" for value in (median, min(runs), max(runs))), str(len(runs))
            )
    console.print(table)
