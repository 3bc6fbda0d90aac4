"""Reads a small file as a running container sees it, for secrets that a user names by path.

In: where pods live, a pod's uid, a container, a path. Out: the file's content, or None. Rules kept: the path is
resolved by a thread inside the container's mount namespace, so links lead where they lead for the container; only
regular files that the container's own user could read count, although this process is root; at most 1 MiB.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from lateen.adapters.node import syscalls
from lateen.adapters.node.cgroups import Cgroups
from lateen.adapters.node.entering import container_init
from lateen.adapters.node.namespaces import NodeError, in_thread
from lateen.adapters.node.runrecord import last_attempt, read_run
from lateen.adapters.node.sandbox import adopt_sandbox
from lateen.localcluster.pods_user import Credentials

__all__ = ["read_in_container"]

LARGEST = 1 << 20


def read_in_container(run_dir: Path, cgroups: Cgroups, uid: str, container: str, path: str) -> bytes | None:
    """The content of `path` in that container of the pod, or None if there is no such file or it may not be read."""
    sandbox = adopt_sandbox(run_dir, uid)
    run = read_run(sandbox, container, last_attempt(sandbox, container)) if sandbox is not None else None
    if run is None or not path.startswith("/"):
        return None
    try:
        target = container_init(run.inside, cgroups)
        return in_thread(lambda: _read(target, path, run.inside.user))
    except (NodeError, OSError):
        return None


def _read(target: int, path: str, user: Credentials) -> bytes | None:
    syscalls.unshare(syscalls.CLONE_FS)
    syscalls.setns(f"/proc/{target}/ns/mnt", syscalls.CLONE_NEWNS)
    # Opening must not wait for the other end of a pipe, nor touch a device.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode) or not _readable(facts, user) or facts.st_size > LARGEST:
            return None
        return file.read(LARGEST)


def _readable(facts: os.stat_result, user: Credentials) -> bool:
    if facts.st_uid == user.uid:
        return bool(facts.st_mode & stat.S_IRUSR)
    if facts.st_gid in (user.gid, *user.groups):
        return bool(facts.st_mode & stat.S_IRGRP)
    return bool(facts.st_mode & stat.S_IROTH)
