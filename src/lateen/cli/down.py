"""`lateen down`: every process, namespace, link, rule and cgroup of a local mesh goes; its state stays."""

from __future__ import annotations

import os

import click

from lateen.app import local, teardown
from lateen.cli.connect import name_option
from lateen.cli.errors import CommandError


@click.command("down")
@name_option
@click.option("--purge", is_flag=True, help="Also forget the stored objects, keys and logs.")
def command(name: str, purge: bool) -> None:
    """Stop a local mesh.

    \b
    Examples:
      lateen down
      lateen down --name staging --purge
    """
    if os.geteuid() != 0:
        raise CommandError("stopping a mesh needs root: run the same command with sudo")
    directory = local.state_dir(name)
    if purge and directory.is_dir() and not (directory / "mesh.json").exists():
        teardown.forget_directory(directory)  # never started: only its image catalogue is there
        click.echo(f"mesh {name} was never started; what was kept for it is forgotten")
        return
    instance = local.find(name)
    was_running = teardown.stop_mesh(instance)
    if purge:
        teardown.forget(instance)
    click.echo(f"mesh {name} stopped" if was_running else f"mesh {name} was not running; cleaned up")
