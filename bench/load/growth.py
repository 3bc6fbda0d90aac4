"""How costs grow: `python -m bench.load --growth DIR`. Twice the services at constant visibility; twice the proxies.

In: a plan that says the rest. Out: costs of a few edits by size, as a table and a plot. Rule: with Sidecars that show
each namespace only itself, more services come in more namespaces, with their proxies; so what each proxy sees stays
as it is, and as many proxies see an edit.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median

from bench.load.measure import Cost
from bench.load.run import Plan, run

EDITS = frozenset({"one endpoint", "one route", "one DestinationRule", "one policy"})
PER_NAMESPACE = 25
"""Services."""
PER_SCOPE = 5
"""Proxies of each namespace, where services grow."""
SERVICES = (125, 250, 500, 1000)
PROXIES = (25, 50, 100, 200)
Grown = Mapping[int, Mapping[str, Sequence[Cost]]]
"""Size -> edit -> costs."""


def plans(plan: Plan) -> Iterator[tuple[str, int, Plan]]:
    """What grows, how large it is, and the plan for it."""
    for services in SERVICES:
        yield "services", services, _sized(plan, services, services // PER_NAMESPACE * PER_SCOPE)
    for proxies in PROXIES:
        yield "proxies", proxies, _sized(plan, SERVICES[1], proxies)


def _sized(plan: Plan, services: int, proxies: int) -> Plan:
    namespaces = services // PER_NAMESPACE
    shape = dataclasses.replace(plan.shape, services=services, namespaces=namespaces, sidecars=True)
    return dataclasses.replace(plan, shape=shape, proxies=proxies, only=EDITS)


async def grown(plan: Plan) -> dict[str, dict[int, dict[str, list[Cost]]]]:
    """Run them all; some minutes."""
    found: dict[str, dict[int, dict[str, list[Cost]]]] = {}
    for what, size, sized in plans(plan):
        with tempfile.TemporaryDirectory(prefix="lateen-load-") as directory:
            found.setdefault(what, {})[size] = await run(sized, Path(directory), Path(directory))
    return found


def markdown(what: str, costs: Grown) -> str:
    """CPU of the control plane, in ms, and messages, by edit and size."""
    head = [f"edit, by {what}", *map(str, costs)]
    lines = [head, ["---", *("---:" for _ in costs)]]
    lines += [[edit, *(_cell(by_edit[edit]) for by_edit in costs.values())] for edit in sorted(EDITS)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _cell(costs: Sequence[Cost]) -> str:
    return f"{cpu(costs):.1f} ({round(median(cost.messages.total() for cost in costs))})"


def cpu(costs: Sequence[Cost]) -> float:
    """Milliseconds."""
    return median(cost.plane_cpu for cost in costs) * 1e3


def plot(costs: Mapping[str, Grown], file: Path) -> None:
    """One panel for what grows. Needs matplotlib (the extra `dev`)."""
    from matplotlib.figure import Figure  # noqa: PLC0415  # a large import that only plots need

    figure = Figure(figsize=(10, 4.5), layout="constrained")
    for axes, (what, by_size) in zip(figure.subplots(1, len(costs), sharey=True), costs.items(), strict=True):
        for edit in sorted(EDITS):
            axes.plot(list(by_size), [cpu(by_edit[edit]) for by_edit in by_size.values()], marker="o", label=edit)
        axes.set(xscale="log", xlabel=what, ylabel="control plane's CPU for an edit, ms")
        axes.set_xticks(list(by_size), list(map(str, by_size)))
        axes.minorticks_off()
        axes.grid(visible=True, alpha=0.3)
    axes.legend()
    axes.set_ylim(bottom=0)
    figure.savefig(file, dpi=120)
