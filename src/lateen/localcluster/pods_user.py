"""With which identity and privileges a container's program runs.

In: the pod's and the container's `securityContext`. Out: `Credentials` and the arguments of `setpriv` for them. Rules
kept: the container's setting wins over the pod's; capabilities are known names only; nothing is granted by default
beyond what container engines grant, less the right to make device nodes; unless asked for, nobody keeps capabilities
as another user than root.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import msgspec

from lateen.localcluster.pods import Container, Pod

T = TypeVar("T")

__all__ = ["Credentials", "UserError", "capability_set", "credentials_of", "setpriv_arguments"]

DEFAULT_CAPABILITIES = frozenset(
    {
        "chown",
        "dac_override",
        "fowner",
        "fsetid",
        "kill",
        "setgid",
        "setuid",
        "setpcap",
        "net_bind_service",
        "net_raw",
        "sys_chroot",
        "audit_write",
        "setfcap",
    }
)
ALL_CAPABILITIES = DEFAULT_CAPABILITIES | {
    "audit_control",
    "audit_read",
    "block_suspend",
    "bpf",
    "checkpoint_restore",
    "dac_read_search",
    "ipc_lock",
    "ipc_owner",
    "lease",
    "linux_immutable",
    "mac_admin",
    "mac_override",
    "mknod",
    "net_admin",
    "net_broadcast",
    "perfmon",
    "sys_admin",
    "sys_boot",
    "sys_module",
    "sys_nice",
    "sys_pacct",
    "sys_ptrace",
    "sys_rawio",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "syslog",
    "wake_alarm",
}


class UserError(ValueError):
    """A securityContext asks for what does not exist or contradicts itself."""


class Credentials(msgspec.Struct, frozen=True):
    """User, groups and capabilities of a container's program."""

    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = ()
    capabilities: tuple[str, ...] = tuple(sorted(DEFAULT_CAPABILITIES))
    no_new_privileges: bool = False
    privileged: bool = False


def credentials_of(pod: Pod, container: Container) -> Credentials:
    """As whom a container runs. Raises `UserError` where `runAsNonRoot` forbids what would happen."""
    own, whole = container.security_context, pod.spec.security_context
    uid = _first(own.run_as_user, whole.run_as_user, 0)
    if _first(own.run_as_non_root, whole.run_as_non_root, False) and uid == 0:
        raise UserError("container has runAsNonRoot and image will run as root")
    groups = (*whole.supplemental_groups, *(() if whole.fs_group is None else (whole.fs_group,)))
    return Credentials(
        uid=uid,
        gid=_first(own.run_as_group, whole.run_as_group, 0),
        groups=groups,
        capabilities=capability_set(own.capabilities.add, own.capabilities.drop, privileged=own.privileged),
        no_new_privileges=own.allow_privilege_escalation is False and not own.privileged,
        privileged=own.privileged,
    )


def _first(own: T | None, whole: T | None, default: T) -> T:
    return next(value for value in (own, whole, default) if value is not None)


def capability_set(add: Iterable[str], drop: Iterable[str], *, privileged: bool) -> tuple[str, ...]:
    """The capabilities left after `drop`, then `add` (`ALL` is understood in both).

    Raises `UserError` for an unknown name.
    """
    if privileged:
        return tuple(sorted(ALL_CAPABILITIES))
    dropped, added = _known(drop), _known(add)
    return tuple(sorted((DEFAULT_CAPABILITIES - dropped) | added))


def setpriv_arguments(user: Credentials) -> tuple[str, ...]:
    """Options of util-linux `setpriv` that switch from root to `user`."""
    kept = ",".join(f"+{name}" for name in user.capabilities)
    groups = f"--groups={','.join(str(group) for group in user.groups)}" if user.groups else "--clear-groups"
    bounding = () if user.privileged else (f"--bounding-set=-all{',' if kept else ''}{kept}",)
    no_new = ("--no-new-privs",) if user.no_new_privileges else ()
    return (f"--reuid={user.uid}", f"--regid={user.gid}", groups, *bounding, "--inh-caps=-all", *no_new, "--")


def _known(names: Iterable[str]) -> frozenset[str]:
    found = set()
    for name in names:
        plain = name.lower().removeprefix("cap_")
        if plain == "all":
            return ALL_CAPABILITIES
        if plain not in ALL_CAPABILITIES:
            raise UserError(f"securityContext.capabilities: {name[:40]!r} is no capability")
        found.add(plain)
    return frozenset(found)
