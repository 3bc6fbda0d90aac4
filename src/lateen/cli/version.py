"""`lateen version`: which version this is, and which version runs."""

from __future__ import annotations

import click

from lateen import __version__
from lateen.cli.output import show, structured


@click.command("version")
@click.option("-o", "--output", type=click.Choice(["short", "json", "yaml"]), default="short")
@click.option("-s", "--short", is_flag=True, help="Print the number only.")
def command(output: str, short: bool) -> None:
    """Print the version.

    \b
    Examples:
      lateen version
      lateen version -o json
    """
    if output != "short":
        show(structured({"clientVersion": {"version": __version__}}, output))
        return
    click.echo(__version__ if short else f"client version: {__version__}")
