"""`lateen image`: which program of this machine stands for which container image.

In: the built-in catalogue and the mesh's own entries (`images.json` in its state directory). Out: the list, or the file
with one entry more or less. The node agent reads the file at each container start, so a change needs no restart.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import click
import msgspec

from lateen.adapters.files import state
from lateen.app import local
from lateen.cli.connect import name_option
from lateen.cli.errors import CommandError
from lateen.cli.output import show, structured, table
from lateen.localcluster.images import BUILT_IN, ImageEntry, ImageError, read_entries


@click.group("image")
def command() -> None:
    """List and change the image catalogue.

    \b
    Examples:
      lateen image list
      lateen image add 'example.com/shop:*' -- /usr/bin/python3 /srv/shop/main.py --port 8080
      lateen image remove 'example.com/shop:*'
    """


@command.command("list")
@name_option
@click.option("-o", "--output", type=click.Choice(["table", "json", "yaml"]), default="table")
def list_images(name: str, output: str) -> None:
    """List the images that have a program, the mesh's own first.

    \b
    Examples:
      lateen image list -o json
    """
    rows = [(e, "user") for e in _entries(_path(name))] + [(e, "built-in") for e in BUILT_IN]
    if output == "table":
        shown = [
            (e.image, source, " ".join((*e.entrypoint, *e.args)) or "(the container's command)") for e, source in rows
        ]
        show(table(("IMAGE", "SOURCE", "PROGRAM"), shown))
    else:
        show(structured([{**msgspec.to_builtins(e), "source": source} for e, source in rows], output))


@command.command("add", context_settings={"ignore_unknown_options": True})
@name_option
@click.option("--env", multiple=True, metavar="NAME=VALUE", help="Environment of the program (repeatable).")
@click.option("--workdir", default="/", show_default=True, help="Directory that the program starts in.")
@click.argument("image")
@click.argument("program", nargs=-1, required=True, type=click.UNPROCESSED)
def add_image(name: str, env: tuple[str, ...], workdir: str, image: str, program: tuple[str, ...]) -> None:
    """Let PROGRAM (with its arguments) stand for IMAGE, a pattern such as 'example.com/shop:*'.

    \b
    Examples:
      lateen image add 'example.com/shop:*' -- /usr/bin/python3 /srv/shop/main.py
    """
    if shutil.which(program[0]) is None:
        raise CommandError(f"{program[0]}: no such program on this machine; give its full path")
    entry = ImageEntry(
        image=image, entrypoint=program, env=tuple(_pair(text) for text in env), working_dir=workdir, whole_machine=True
    )
    path = _path(name)
    _write(path, (entry, *(e for e in _entries(path) if e.image != image)))
    click.echo(f"{image} -> {' '.join(program)}")


@command.command("remove")
@name_option
@click.argument("image")
def remove_image(name: str, image: str) -> None:
    """Remove the mesh's own entry for IMAGE.

    \b
    Examples:
      lateen image remove 'example.com/shop:*'
    """
    path = _path(name)
    found = _entries(path)
    kept = tuple(e for e in found if e.image != image)
    if len(kept) == len(found):
        built_in = any(e.image == image for e in BUILT_IN)
        hint = "it is built in; an entry of your own wins over it" if built_in else "`lateen image list` shows all"
        raise CommandError(f"no entry of yours for {image}: {hint}")
    _write(path, kept)
    click.echo(f"{image} removed")


def _path(name: str) -> Path:
    return local.state_dir(name) / "images.json"


def _entries(path: Path) -> tuple[ImageEntry, ...]:
    if not path.exists():
        return ()
    try:
        return read_entries(path.read_bytes())
    except ImageError as error:
        raise CommandError(f"{path}: {error}") from error


def _write(path: Path, entries: tuple[ImageEntry, ...]) -> None:
    uid, gid, _ = state.caller()
    state.make_directory(path.parent, uid, gid)
    draft = path.with_suffix(".draft")
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(entries), indent=2))
    draft.replace(path)
    state.give(path, uid, gid)


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise click.UsageError(f"--env {text}: write NAME=VALUE")
    return key, value
