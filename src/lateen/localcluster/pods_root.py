"""A container's private root directory, as a list of steps.

In: what this machine's root looks like, the container's mounts and the program's files. Out: `Step`s that an adapter
carries out in a new mount namespace. Rules kept: the machine's directories appear read-only; /etc, /tmp, /var and
/run are the container's own; what holds this machine's secrets (shadow files, host keys, private keys) never appears;
a mount point that the machine lacks is made, and only then is the directory above it overlaid.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping

import msgspec

__all__ = ["Machine", "Mount", "RootRequest", "Step", "plan_root"]

SYSTEM = ("bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr")
"""Top directories of the machine that every container sees."""

OWN = frozenset({"dev", "etc", "lost+found", "proc", "run", "sys", "tmp", "var", "boot", "root", "home"})
"""Top directories that are never this machine's, even for a command that has no image."""

ETC = (
    "alternatives",
    "ca-certificates",
    "ca-certificates.conf",
    "debian_version",
    "fonts",
    "gai.conf",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "magic",
    "mime.types",
    "nginx",
    "os-release",
    "perl",
    "pki",
    "protocols",
    "python3",
    "services",
    "ssl",
    "terminfo",
    "timezone",
)
MASKED = ("/etc/ssl/private",)
DIRECTORIES = (
    ("/dev", 0o755),
    ("/etc", 0o755),
    ("/home", 0o755),
    ("/proc", 0o555),
    ("/root", 0o755),
    ("/run", 0o755),
    ("/run/lock", 0o1777),
    ("/sys", 0o555),
    ("/tmp", 0o1777),  # noqa: S108 - the container's own
    ("/var", 0o755),
    ("/var/cache", 0o755),
    ("/var/lib", 0o755),
    ("/var/log", 0o755),
    ("/var/tmp", 0o1777),  # noqa: S108
    ("/.lateen", 0o755),
)
_SHM = "/dev/shm"  # noqa: S108 - the container's own
DEVICES = ("full", "null", "random", "tty", "urandom", "zero")


class Machine(msgspec.Struct, frozen=True):
    """This machine's root: top directories by name with their link target ("" = a real directory), and what /etc
    has.
    """

    top: tuple[tuple[str, str], ...]
    etc: frozenset[str]
    init: str


class Mount(msgspec.Struct, frozen=True):
    """A file or directory of this machine at a path of the container.

    `within` confines `source` (a subPath) to a volume.
    """

    source: str
    target: str
    read_only: bool = True
    within: str = ""


class RootRequest(msgspec.Struct, frozen=True):
    """What a container wants of its root. `whole_machine`: a command without an image sees all top directories."""

    mounts: tuple[Mount, ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    whole_machine: bool = False
    read_only: bool = False
    privileged: bool = False
    shared_memory: int = 64 << 20


class Step(msgspec.Struct, frozen=True):
    """One step; `what` is one of the cases in `adapters.node.rootfs`.

    dir, file, link, bind (of the machine, sealed at once), mount (of the manifest) with a later seal, tmpfs, overlay,
    sysfs, devpts, read-only.
    """

    what: str
    target: str
    source: str = ""
    read_only: bool = True
    mode: int = 0o755
    options: str = ""
    within: str = ""


def plan_root(machine: Machine, request: RootRequest, exists: Callable[[str], bool]) -> tuple[Step, ...]:
    """The steps, in order. `exists` tells whether a path exists on this machine."""
    steps = [Step("dir", path, mode=mode) for path, mode in DIRECTORIES]
    steps.append(Step("link", "/var/run", "/run"))
    tops = _tops(machine, request.whole_machine)
    steps += _system(tops, _overlaid(tops, request, exists))
    steps += _etc(machine)
    steps += _devices(request)
    steps.append(Step("bind", "/.lateen/init", machine.init))
    steps += [Step("file", path, content, mode=0o644) for path, content in request.files]
    steps += _mounts(request.mounts)
    if request.read_only:
        steps.append(Step("read-only", "/"))
    return tuple(steps)


def _tops(machine: Machine, whole: bool) -> dict[str, str]:
    return {name: link for name, link in machine.top if name in SYSTEM or (whole and name not in OWN)}


def _system(tops: Mapping[str, str], overlaid: frozenset[str]) -> Iterable[Step]:
    for name in sorted(tops):
        if tops[name]:
            yield Step("link", f"/{name}", tops[name])
        elif name in overlaid:
            yield Step("overlay", f"/{name}", f"/{name}")
        else:
            yield Step("bind", f"/{name}", f"/{name}")


def _overlaid(tops: Mapping[str, str], request: RootRequest, exists: Callable[[str], bool]) -> frozenset[str]:
    """Top directories of the machine in which a mount point has to be made."""
    links = {name: target.strip("/") for name, target in tops.items() if target}
    found = set()
    for path in [mount.target for mount in request.mounts] + [path for path, _ in request.files]:
        first, _, rest = posixpath.normpath(path).lstrip("/").partition("/")
        real = f"{links[first]}/{rest}" if first in links else f"{first}/{rest}"
        top = real.partition("/")[0]
        if tops.get(top) == "" and rest and not exists(f"/{real}"):
            found.add(top)
    return frozenset(found)


def _etc(machine: Machine) -> Iterable[Step]:
    for name in ETC:
        if name in machine.etc:
            yield Step("bind", f"/etc/{name}", f"/etc/{name}")
    for path in MASKED:
        if path.split("/")[2] in machine.etc:
            yield Step("tmpfs", path, options="mode=0700,size=4k")


def _devices(request: RootRequest) -> Iterable[Step]:
    yield Step("tmpfs", "/dev", options="mode=0755,size=64k")
    for name in DEVICES:
        yield Step("bind", f"/dev/{name}", f"/dev/{name}", read_only=False)
    yield Step("dir", "/dev/pts")
    yield Step("devpts", "/dev/pts")
    yield Step("link", "/dev/ptmx", "pts/ptmx")
    yield Step("dir", _SHM, mode=0o1777)
    yield Step("tmpfs", _SHM, options=f"mode=1777,size={request.shared_memory}")
    for name, target in (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        yield Step("link", f"/dev/{name}", target)
    yield Step("sysfs", "/sys", read_only=not request.privileged)


def _mounts(mounts: Iterable[Mount]) -> Iterable[Step]:
    """Outer mounts before inner ones, whatever their order in the manifest; all in place before any becomes read-only.

    A mount inside a read-only volume needs a mount point there. Where one mount lies in another, each keeps its own
    mode.
    """
    ordered = sorted(mounts, key=lambda mount: posixpath.normpath(mount.target).count("/"))
    targets = [posixpath.normpath(mount.target) for mount in ordered]
    for mount, target in zip(ordered, targets, strict=True):
        yield Step("mount", target, mount.source, within=mount.within)
    for mount, target in zip(ordered, targets, strict=True):
        alone = any(other.startswith(f"{target}/") for other in targets)
        yield Step("seal", target, read_only=mount.read_only, options="alone" if alone else "")
