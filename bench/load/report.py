"""Costs as a Markdown table, as JSON and as plots.

In: costs by edit, one for each repetition. Out: text and PNG files. Rule: of repetitions the median is shown; what was
measured where stands above the table.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from bench.load.measure import Cost
from bench.report import machine

Costs = Mapping[str, Sequence[Cost]]
SHORT = {"Cluster": "CDS", "ClusterLoadAssignment": "EDS", "Listener": "LDS", "RouteConfiguration": "RDS"}
HEAD = (
    "edit", "p50 ms", "p99 ms", "last ms", "plane CPU ms", "front CPU ms", "proxies' CPU ms", "messages", "resources",
    "MB sent", "queries run", "MB peak/now",
)  # fmt: skip


def percentile(times: Sequence[float], share: float) -> float:
    """The smallest time that this share of the proxies had reached; 0 if none got anything."""
    return times[max(0, math.ceil(share * len(times)) - 1)] if times else 0.0


def markdown(setting: str, costs: Costs) -> str:
    """The setting, the machine and the table."""
    facts = machine()
    where = f"{facts['date']}; {facts['cores']} cores of {facts['cpu']} (shared), Python {facts['python']}"
    rows = [_row(edit, many) for edit, many in costs.items()]
    lines = [HEAD, ("---", *("---:" for _ in HEAD[1:])), *rows]
    return "\n".join([setting, "", where, "", *("| " + " | ".join(line) + " |" for line in lines), ""])


def _row(edit: str, costs: Sequence[Cost]) -> tuple[str, ...]:
    def middle(values: Sequence[float], scale: float) -> str:
        return _number(median(values) * scale)

    return (
        edit,
        middle([percentile(cost.times, 0.5) for cost in costs], 1e3),
        middle([percentile(cost.times, 0.99) for cost in costs], 1e3),
        middle([cost.times[-1] if cost.times else cost.busy for cost in costs], 1e3),
        middle([cost.plane_cpu for cost in costs], 1e3),
        middle([cost.front_cpu for cost in costs], 1e3),
        middle([cost.own_cpu for cost in costs], 1e3),
        _by_type([cost.messages for cost in costs]),
        _by_type([cost.resources for cost in costs]),
        middle([cost.size for cost in costs], 1e-6),
        str(round(median(cost.runs.total() for cost in costs))),
        f"{max(cost.peak for cost in costs) / 1e6:.0f}/{median(cost.shared for cost in costs) / 1e6:.0f}",
    )


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}" if value >= 0.1 else f"{value:.2g}"


def _by_type(counts: Sequence[Counter[str]]) -> str:
    kinds = sorted({kind for count in counts for kind in count})
    middle = {kind: round(median(count[kind] for count in counts)) for kind in kinds}
    return ", ".join(f"{number} {SHORT.get(kind, kind)}" for kind, number in middle.items() if number) or "none"


def as_json(setting: str, costs: Costs) -> str:
    """Everything that was measured."""
    found: dict[str, Any] = {edit: [vars(cost) for cost in many] for edit, many in costs.items()}
    return json.dumps({"setting": setting, "machine": machine(), "costs": found}, indent=1)


def plot(costs: Costs, directory: Path) -> tuple[Path, ...]:
    """Two PNG files: when how many proxies had an edit; CPU by edit. Needs matplotlib (the extra `dev`)."""
    import matplotlib  # noqa: PLC0415  # a large import that only plots need

    matplotlib.use("Agg")
    directory.mkdir(parents=True, exist_ok=True)
    return (_plot_times(costs, directory / "times.png"), _plot_cpu(costs, directory / "cpu.png"))


def _plot_times(costs: Costs, file: Path) -> Path:
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    for edit, many in costs.items():
        times = sorted(many, key=lambda cost: cost.busy)[len(many) // 2].times
        if times:
            axes.step([t * 1e3 for t in times], [(n + 1) / len(times) for n in range(len(times))], label=edit)
    axes.set(xscale="log", xlabel="ms after the edit", ylabel="share of the proxies concerned that have it")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize=8)
    figure.savefig(file, dpi=120)
    return file


def _plot_cpu(costs: Costs, file: Path) -> Path:
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    edits = list(costs)
    for offset, (part, label) in enumerate((("plane_cpu", "control plane"), ("front_cpu", "front Envoy"))):
        heights = [median(getattr(cost, part) for cost in costs[edit]) * 1e3 for edit in edits]
        axes.barh([n + 0.4 * offset for n in range(len(edits))], heights, height=0.4, label=label)
    axes.set_yticks([n + 0.2 for n in range(len(edits))], edits)
    axes.set(xscale="log", xlabel="CPU, ms")
    axes.invert_yaxis()
    axes.legend()
    figure.savefig(file, dpi=120)
    return file
