"""Takes everything of a local mesh off this machine: also after a crash, when only files tell what there was.

In: an `Instance`. Out: none of its processes, namespaces, links, cgroups, mounts and sockets are left; the state
directory stays, unless `forget` is called.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from lateen.adapters.files.processes import read_record, terminate
from lateen.adapters.files.state import hand_over
from lateen.adapters.node.cleanup import clean
from lateen.app import numbers
from lateen.app.facts import node_facts
from lateen.app.instance import Instance


def stop_mesh(instance: Instance, grace: float = 20.0) -> bool:
    """Stop the supervisor if it runs, clean up, and give what is kept to the mesh's owner.

    True when there was a running supervisor.
    """
    pid = read_record(Path(instance.run_dir) / "supervisor.pid")
    if pid is not None:
        terminate(pid, grace)
    stop_leftovers(instance)
    if Path(instance.state_dir).exists():
        hand_over(Path(instance.state_dir), instance.owner_uid, instance.owner_gid)
    return pid is not None


def stop_leftovers(instance: Instance) -> None:
    """End what a killed supervisor left behind, by the recorded process ids, then clean up."""
    for name in ("node", "apiserver"):
        pid = read_record(Path(instance.run_dir) / f"{name}.pid")
        if pid is not None:
            terminate(pid, 3.0)
    clean_machine(instance)
    shutil.rmtree(instance.run_dir, ignore_errors=True)


def clean_machine(instance: Instance) -> None:
    """Remove pods' processes, namespaces, links, cgroups and mounts."""
    clean(node_facts(instance))


def forget(instance: Instance) -> None:
    """Remove the stored state: objects, keys, logs."""
    forget_directory(Path(instance.state_dir))


def forget_directory(directory: Path) -> None:
    """Remove a mesh's state directory."""
    shutil.rmtree(directory, ignore_errors=True)
    numbers.release(directory)
