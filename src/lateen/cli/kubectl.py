"""`lateen kubectl`: the real kubectl with the right kubeconfig."""

from __future__ import annotations

import os
import shutil

import click

from lateen.cli.connect import kubeconfig_path, name_option
from lateen.cli.errors import CommandError


@click.command(
    "kubectl",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False, "help_option_names": []},
)
@name_option
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(name: str, arguments: tuple[str, ...]) -> None:
    """Run kubectl against the local mesh.

    \b
    Examples:
      lateen kubectl get pods -A
      lateen kubectl apply -f my.yaml
    """
    program = shutil.which("kubectl")
    if program is None:
        raise CommandError("no kubectl on PATH; install one (Debian: apt-get install -y kubernetes-client)")
    environment = {**os.environ, "KUBECONFIG": kubeconfig_path(name, "")}
    os.execve(program, ["kubectl", *arguments], environment)  # noqa: S606 - no shell is meant
