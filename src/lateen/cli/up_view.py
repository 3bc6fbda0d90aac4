"""What `up` shows while a mesh comes up: a live table on a terminal, plain lines elsewhere; and the closing summary."""

from __future__ import annotations

import re
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.table import Table
from rich.text import Text

from lateen.adapters.clock import SYSTEM, Clock
from lateen.app.apply import Applied
from lateen.app.bring_up import Outcome
from lateen.app.instance import Instance
from lateen.app.observe import Observed
from lateen.app.pod_rows import PodRow

DIGITS = re.compile(r"\d+")
PATIENCE = 10.0  # seconds in one stage after which what is not ready is told with its reasons


class UpView:
    """Shows the stage and the pods. On a terminal the table redraws itself; elsewhere a line per stage is enough."""

    def __init__(self, console: Console, fresh: bool = True, clock: Clock = SYSTEM) -> None:
        self._console = console
        self._fresh = fresh
        self._clock = clock
        self._observed: Observed | None = None
        self._stage = ""
        self._since = clock.monotonic()
        self._told: set[str] = set()
        self._live = Live(self, console=console, refresh_per_second=8, transient=False) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def report(self, stage: str, observed: Observed | None) -> None:
        """Take note of a new stage, or of one that lasts (the same stage again)."""
        self._observed = observed
        if stage != self._stage:
            self._stage, self._since, self._told = stage, self._clock.monotonic(), set()
            if self._live is None:
                self._console.print(f"{stage} ...", markup=False)
        elif self._live is None:
            self._tell_new_problems()

    def applied(self, outcomes: Sequence[Applied]) -> None:
        """Say at once what was refused or warned about; to a mesh that ran before, also what became of the rest."""
        for each in outcomes:
            place = f"{each.title} ({each.manifest.origin})"
            for text in each.warnings:
                self._console.print(f"warning: {place}: {text}", style="yellow", markup=False)
            if each.outcome == "refused":
                self._console.print(f"refused: {place}: {each.message}", style="red", markup=False)
            elif not self._fresh:
                self._console.print(f"{each.title} {each.outcome}", markup=False)

    def _tell_new_problems(self) -> None:
        for line in self._problems():
            apart_from_counts = DIGITS.sub("", line)
            if apart_from_counts not in self._told:
                self._told.add(apart_from_counts)
                self._console.print(f"  still waiting: {line}", markup=False)

    def _problems(self) -> tuple[str, ...]:
        patient = self._clock.monotonic() - self._since < PATIENCE
        return () if patient or self._observed is None else self._observed.problems()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table = Table(title=self._stage, title_justify="left", box=None, header_style="bold")
        for column in ("NAMESPACE", "POD", "READY", "STATUS", "PROXY"):
            table.add_column(column, no_wrap=True)
        for row in self._observed.rows() if self._observed else ():
            table.add_row(row.namespace, row.name, row.ready, row.status, row.sync, style=_style(row))
        yield table
        for line in self._problems():
            yield Text(f" {line}", style="yellow", no_wrap=False, overflow="fold")


def summary(instance: Instance, outcome: Outcome) -> str:
    """The closing lines: whether all is ready or why not, where to look."""
    lines = ["ready" if outcome.ready else "NOT ready:"]
    lines += [f"  {problem}" for problem in outcome.problems]
    lines.append(f"  export KUBECONFIG={instance.kubeconfig}")
    lines.append("  kubectl get pods -A")
    lines += [f"  gateway {gateway}" for gateway in outcome.gateways]
    lines += [f"  published {port}" for port in outcome.published]
    if outcome.gateways:
        lines.append(f"  curl -s {outcome.gateways[0].rpartition(' ')[2]}/")
    return "\n".join(lines)


def _style(row: PodRow) -> str:
    if row.failing:
        return "red"
    return "green" if row.done and row.sync in ("-", "SYNCED") else "yellow"
