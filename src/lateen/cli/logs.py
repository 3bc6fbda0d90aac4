"""`lateen logs`: what the mesh's own processes wrote (a pod's logs: `lateen kubectl logs`)."""

from __future__ import annotations

from collections import deque
from pathlib import Path

import click

from lateen.app import local
from lateen.cli.connect import name_option
from lateen.cli.errors import CommandError

PROCESSES = ("supervisor", "apiserver", "node")


@click.command("logs")
@name_option
@click.option("--tail", type=click.IntRange(min=0), default=100, show_default=True, help="How many lines of each file.")
@click.argument("process", type=click.Choice(PROCESSES), required=False)
def command(name: str, tail: int, process: str | None) -> None:
    """Print the logs of the mesh's own processes.

    \b
    Examples:
      lateen logs
      lateen logs node --tail 500
    """
    directory = Path(local.find(name).log_dir)
    found = [directory / f"{each}.log" for each in ([process] if process else PROCESSES)]
    present = [path for path in found if path.exists()]
    if not present:
        raise CommandError(f"no log files in {directory}; has the mesh {name!r} ever been started?")
    for path in present:
        if len(present) > 1:
            click.echo(f"==> {path.name} <==")
        with path.open(errors="replace") as lines:
            for line in deque(lines, tail):
                click.echo(line, nl=False)
