"""Numbers of the local meshes of this machine: each selects address ranges and names of links.

In: a mesh's state directory and the number it had before. Out: its number, kept for as long as its state is kept,
because stored Services have addresses of its range. A file per number in `/var/lib/lateen/numbers` holds the
directory that keeps it.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from lateen.adapters.files import state
from lateen.app import instance as instances
from lateen.app.instance import MAX_INSTANCES, InstanceError

NUMBERS = Path("/var/lib/lateen/numbers")


def claim(directory: Path, kept: int | None) -> int:
    """A number for the mesh of `directory`; `kept` is the one that its state was made with.

    Raises `InstanceError` when all numbers are taken, or `kept` is in use by another mesh.
    """
    free = (index for index in range(MAX_INSTANCES) if not _taken(index, directory))
    index = next(free, None) if kept is None else kept
    if index is None:
        raise InstanceError(f"all {MAX_INSTANCES} meshes are taken; forget one with `lateen down --purge --name NAME`")
    if kept is not None and _taken(kept, directory):
        raise InstanceError(
            f"the addresses of this mesh (10.{128 + 2 * kept}.0.0/15) are in use by another one; stop that one "
            "(`lateen status --all`), or forget the state of this one with `lateen down --purge`"
        )
    NUMBERS.mkdir(parents=True, exist_ok=True)
    (NUMBERS / str(index)).write_text(str(directory))
    return index


def release(directory: Path) -> None:
    """Give back the number of a mesh whose state is gone."""
    for path in _files():
        if path.read_text() == str(directory):
            path.unlink()
    for folder in (NUMBERS, NUMBERS.parent):
        with contextlib.suppress(OSError):  # another mesh keeps a number, or there was no folder
            folder.rmdir()


def _taken(index: int, directory: Path) -> bool:
    links = os.listdir("/sys/class/net")
    namespaces = os.listdir("/run/netns") if Path("/run/netns").is_dir() else []
    in_use = f"lt{index}-mesh" in namespaces or any(link.startswith(f"lt{index}-") for link in links)
    return in_use or index in _running() or index in _kept_by_others(directory)


def _running() -> set[int]:
    return {instances.load(path).index for path in state.RUN_ROOT.glob("*/mesh.json")}


def _kept_by_others(directory: Path) -> set[int]:
    owners = {int(path.name): Path(path.read_text()) for path in _files()}
    return {index for index, owner in owners.items() if owner != directory and (owner / "mesh.json").exists()}


def _files() -> list[Path]:
    return sorted(NUMBERS.glob("[0-9]*"))
