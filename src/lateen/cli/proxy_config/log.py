"""`proxy-config log`: the log levels of a proxy, and changing them."""

from __future__ import annotations

from typing import Any

import click

from lateen.cli.output import show
from lateen.cli.proxy_config.source import ask, proxy_options

LEVELS = ("trace", "debug", "info", "warning", "error", "critical", "off")


@click.command("log")
@proxy_options
@click.option("--level", default="", help="LEVEL, or LOGGER:LEVEL pairs joined by commas (http:debug,pool:info).")
@click.option("--reset", "-r", is_flag=True, help="Back to warning.")
def command(**options: Any) -> None:
    """Show or change the log levels of an Envoy.

    \b
    Examples:
      lateen proxy-config log go-multiroute-5c8f.default
      lateen proxy-config log go-multiroute-5c8f.default --level debug
      lateen proxy-config log go-multiroute-5c8f.default --level http:debug,router:trace
    """
    if not options["pod"]:
        raise click.UsageError("log requires pod name")
    show(ask(options, "POST", "logging" + query("warning" if options["reset"] else options["level"])).decode())


def query(level: str) -> str:
    """The query of Envoy's `/logging` for what the user wrote. Raises a usage error for an unknown level."""
    if not level:
        return ""
    pairs = [part.rpartition(":") for part in level.split(",")]
    for _, _, name in pairs:
        if name not in LEVELS:
            raise click.UsageError(f"unrecognized logging level {name!r}: use one of {', '.join(LEVELS)}")
    if len(pairs) == 1 and not pairs[0][0]:
        return f"?level={pairs[0][2]}"
    return "?paths=" + ",".join(f"{logger}:{name}" for logger, _, name in pairs if logger)
