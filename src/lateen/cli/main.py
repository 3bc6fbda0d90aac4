"""`lateen`: one group, one module per command, loaded only when it is used.

In: arguments. Out: the command's output and an exit code (see `errors.py`). Errors of the boundaries below (a mesh
that is not there, a refused request, an unreadable file) become one line on standard error here and nowhere else.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from lateen import __version__
from lateen.cli.errors import FAILED, USAGE, CommandError

# Command name -> module below lateen.cli that has a click command called `command`. The order is the help's order.
COMMANDS = {
    "up": "up",
    "down": "down",
    "status": "status",
    "logs": "logs",
    "kubectl": "kubectl",
    "image": "image",
    "proxy-status": "proxy_status",
    "proxy-config": "proxy_config",
    "completion": "completion",
    "version": "version",
}
ALIASES = {"ps": "proxy-status", "pc": "proxy-config"}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called, so that `version` does not load the world."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's interface
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        module = COMMANDS.get(ALIASES.get(cmd_name, cmd_name))
        if module is None:
            return None
        command = importlib.import_module(f"lateen.cli.{module}").command
        assert isinstance(command, click.Command)  # noqa: S101 - every module of COMMANDS has one
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        return (command.name if command else name), command, rest


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=True)
@click.version_option(__version__, message="client version: %(version)s")
def cli() -> None:
    """The Istio service mesh in Python.

    \b
    Examples:
      lateen up -f examples/bookinfo        start a local mesh with these manifests
      lateen kubectl get pods               look at it
      lateen proxy-status                   see which proxies have the configuration
      lateen down                           take everything down
    """


def main() -> None:
    """Entry point of the `lateen` program."""
    try:
        sys.exit(run(sys.argv[1:]))
    except KeyboardInterrupt:  # while modules are loaded
        sys.exit(130)


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code."""
    try:
        result: Any = cli.main(arguments, prog_name="lateen", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as asked:
        click.echo(asked.message)
        return 0
    except click.UsageError as error:
        error.show()
        return USAGE
    except CommandError as error:
        return _fail(error.message, error.code)
    except click.ClickException as error:
        return _fail(error.format_message(), FAILED)
    except click.exceptions.Abort:
        return 130
    except BrokenPipeError:
        return FAILED
    except OSError as error:
        return _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error), FAILED)
    except Exception as error:
        code: int | None = importlib.import_module("lateen.cli.boundary_errors").code_of(error)
        if code is None:
            raise
        return _fail(str(error), code)
    return result if isinstance(result, int) else 0


def _fail(message: str, code: int) -> int:
    click.echo(f"Error: {message}", err=True)
    return code
