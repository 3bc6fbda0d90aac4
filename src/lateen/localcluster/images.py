"""The image catalogue: which program of this machine stands for a container image.

In: an image reference, the container's `command` and `args`, the user's own entries, and where this installation
keeps its programs. Out: a `Program`, or an `ImageError` whose message is the event that a user sees. Rules kept: the
user's entries win over the built-in ones; the registry, tag and digest matter only if a pattern names them; `command`
and `args` override the entry exactly as they override an image's entrypoint and arguments.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from typing import Literal

import msgspec

__all__ = [
    "BUILT_IN",
    "ImageEntry",
    "ImageError",
    "Installation",
    "Program",
    "Role",
    "read_entries",
    "repository",
    "resolve",
]

Role = Literal["", "proxy", "redirect", "front", "pilot"]

_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,500}")
_PROGRAMS = "/.lateen/programs"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class ImageError(Exception):
    """No program stands for an image; the message says which command helps."""


class ImageEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One row of the catalogue.

    `image` is a pattern with `*`, matched against `repository` or, if it has a tag, `repository:tag`. `files` are
    (path in the container, path on this machine), where the latter may also be `program:<name>` for a program of ours
    or `envoy`.
    """

    image: str
    entrypoint: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    working_dir: str = "/"
    role: Role = ""
    whole_machine: bool = False


class Installation(msgspec.Struct, frozen=True):
    """Where this installation of Lateen lives: `python` interpreter, its `prefixes` (directories that it needs), our
    programs.
    """

    python: str
    prefixes: tuple[str, ...]
    programs: str
    envoy: str
    wrappers: str


class Program(msgspec.Struct, frozen=True):
    """What a container runs: `files` are (path in the container, path on this machine), read-only."""

    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    files: tuple[tuple[str, str], ...]
    working_dir: str
    role: Role
    whole_machine: bool


_PYTHON_ENV = (("PYTHONUNBUFFERED", "1"), ("PYTHONDONTWRITEBYTECODE", "1"))


def _ours(image: str, name: str, path: str) -> ImageEntry:
    return ImageEntry(image, entrypoint=(path,), files=((path, f"program:{name}"),))


def _httpbin(image: str, args: tuple[str, ...] = ()) -> ImageEntry:
    """Images of httpbin are started by their server's name or by their own."""
    path = "/usr/local/bin/httpbin"
    return ImageEntry(
        image,
        entrypoint=(path,),
        args=args,
        files=((path, "program:httpbin"), ("/usr/local/bin/gunicorn", "program:httpbin gunicorn")),
    )


BUILT_IN: tuple[ImageEntry, ...] = (
    ImageEntry(
        "*/proxyv2",
        role="proxy",
        files=(("/usr/local/bin/envoy", "envoy"), ("/usr/local/bin/pilot-agent", "program:pilot_agent")),
    ),
    ImageEntry("*/pilot", role="pilot", env=_PYTHON_ENV),
    ImageEntry(
        "envoyproxy/envoy*",
        entrypoint=("envoy",),
        args=("-c", "/etc/envoy/envoy.yaml"),
        files=(("/usr/local/bin/envoy", "envoy"),),
    ),
    _ours("leigg/go_multiroute", "go_multiroute", "/main"),
    _ours("leigg/two_port_svc", "two_port_svc", "/main"),
    _ours("leigg/istio_client_test_pod", "istio_client_test_pod", "/main"),
    _ours("lateen.dev/examples/bookinfo-productpage", "productpage", "/usr/local/bin/productpage"),
    _ours("lateen.dev/examples/bookinfo-details", "details", "/usr/local/bin/details"),
    _ours("lateen.dev/examples/bookinfo-reviews", "reviews", "/usr/local/bin/reviews"),
    _ours("lateen.dev/examples/bookinfo-ratings", "ratings", "/usr/local/bin/ratings"),
    _ours("lateen.dev/echo", "echo", "/usr/local/bin/echo-server"),
    _httpbin("kong/httpbin"),
    _httpbin("kennethreitz/httpbin"),
    _httpbin("mccutchen/go-httpbin", args=("--port", "8080")),
    _ours("hashicorp/http-echo", "echo", "/http-echo"),
    ImageEntry("kaazing/tcpdump", entrypoint=("tcpdump",)),
    ImageEntry("curlimages/curl", entrypoint=("curl",), args=("--help",)),
    ImageEntry("appropriate/curl", entrypoint=("curl",), args=("--help",)),
    ImageEntry("busybox", args=("sh",)),
    ImageEntry("alpine", args=("/bin/sh",)),
    ImageEntry("debian", args=("bash",)),
    ImageEntry("ubuntu", args=("/bin/bash",)),
    ImageEntry("nicolaka/netshoot", args=("bash",)),
    ImageEntry("python", args=("python3",)),
    ImageEntry("nginx", entrypoint=("nginx",), args=("-g", "daemon off;")),
    ImageEntry("*pause", entrypoint=("sleep", "infinity")),
)
"""The images of the example manifests and a few common ones. One row an image: add yours here."""


def repository(image: str) -> tuple[str, str]:
    """(repository without the default registry, tag) of a reference: `docker.io/library/busybox:1` is ("busybox",
    "1").
    """
    name = image.partition("@")[0]
    head, _, last = name.rpartition("/")
    last, _, tag = last.partition(":")
    path = f"{head}/{last}" if head else last
    for prefix in ("docker.io/", "index.docker.io/", "registry-1.docker.io/", "library/"):
        path = path.removeprefix(prefix)
    return path, tag or "latest"


def read_entries(document: bytes) -> tuple[ImageEntry, ...]:
    """The user's entries from the catalogue file (JSON). Raises `ImageError` if it cannot be read."""
    try:
        return msgspec.json.decode(document, type=tuple[ImageEntry, ...], strict=False)
    except msgspec.DecodeError as error:
        raise ImageError(f"the image catalogue is not readable: {error}; repair it or remove it") from error


def resolve(
    entries: Sequence[ImageEntry], place: Installation, image: str, command: Sequence[str], args: Sequence[str]
) -> Program:
    """The program for a container. Raises `ImageError` if neither the catalogue nor the manifest names one."""
    if not _REFERENCE.fullmatch(image):
        raise ImageError(f"Failed to apply default image tag {image[:80]!r}: invalid reference format")
    entry = _entry(entries, image)
    if entry is None:
        if not command:
            raise ImageError(_unknown(image))
        entry = ImageEntry(image, whole_machine=True)
    argv = (*command, *args) if command else (*entry.entrypoint, *(args or entry.args))
    role = _role(entry.role, tuple(args or command))
    program = Program(argv, entry.env, entry.files, entry.working_dir, role, entry.whole_machine)
    return _placed(program, place)


def _entry(entries: Sequence[ImageEntry], image: str) -> ImageEntry | None:
    path, tag = repository(image)
    for entry in (*entries, *BUILT_IN):
        pattern, wanted_tag = repository(entry.image)
        has_tag = ":" in entry.image.rpartition("/")[2]
        if fnmatch.fnmatchcase(path, pattern) and (not has_tag or fnmatch.fnmatchcase(tag, wanted_tag)):
            return entry
    return None


def _role(role: Role, words: tuple[str, ...]) -> Role:
    """A proxy image stands for three programs; the first word tells which."""
    if role != "proxy" or not words:
        return role
    first = next((word for word in words if not word.endswith("pilot-agent")), "")
    if first in ("istio-iptables", "istio-clean-iptables"):
        return "redirect"
    return "front" if first == "front" else "proxy"


def _placed(program: Program, place: Installation) -> Program:
    """The program with the files of this installation that it needs."""
    files: list[tuple[str, str]] = []
    python = program.role == "pilot"
    for target, source in program.files:
        if source == "envoy":
            files.append((target, place.envoy))
        elif source.startswith("program:"):
            python = True
            files.append((target, f"{place.wrappers}/{_wrapper_name(source)}"))
            files.append((_PROGRAMS, place.programs))
        else:
            files.append((target, source))
    argv = program.argv
    if program.role == "pilot":
        argv = (place.python, "-m", "lateen.app.controlplane", *_pilot_args(argv))
    if python:
        files += [(prefix, prefix) for prefix in place.prefixes]
    env = dict(program.env)
    env.setdefault("PATH", _PATH)
    unique = tuple(dict.fromkeys(files))
    return msgspec.structs.replace(program, argv=argv, env=tuple(env.items()), files=unique)


def _pilot_args(argv: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word for word in argv if word not in ("/usr/local/bin/pilot-discovery", "pilot-discovery"))


def wrappers(place: Installation) -> tuple[tuple[str, str], ...]:
    """(path, text) of the commands that stand for our programs in containers: isolated, with the standard library
    only.
    """
    sources = {source for entry in BUILT_IN for _, source in entry.files if source.startswith("program:")}
    return tuple((f"{place.wrappers}/{_wrapper_name(source)}", _wrapper(place, source)) for source in sorted(sources))


def _wrapper_name(source: str) -> str:
    return source.removeprefix("program:").replace(" ", "+")


def _wrapper(place: Installation, source: str) -> str:
    name, _, words = source.removeprefix("program:").partition(" ")
    return f'#!/bin/sh\nexec {place.python} -B -I -S {_PROGRAMS}/{name}.py {words} "$@"\n'


def _unknown(image: str) -> str:
    name = repository(image)[0]
    return (
        f'Failed to pull image "{image}": no program of this machine stands for it; name one with '
        f"`lateen image add {name} -- PROGRAM [ARG]...`, or give the container a `command`"
    )
