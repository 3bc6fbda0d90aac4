"""Where a dump comes from, and the options that all sub-commands share."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from lateen.cli.connect import cluster_options, session
from lateen.cli.errors import BAD_DATA, CommandError
from lateen.cli.output import show, structured
from lateen.cli.pod_exec import find_pod, request_proxy

F = TypeVar("F", bound=Callable[..., Any])
SHORT = "short"


def proxy_options(function: F) -> F:
    """The pod, the file, the output form and the cluster, as every sub-command takes them."""
    function = click.argument("pod", required=False)(function)
    options: tuple[Callable[[F], F], ...] = (
        click.option("-o", "--output", type=click.Choice([SHORT, "json", "yaml"]), default=SHORT),
        click.option("-f", "--file", "file", default="", help="Envoy config dump file ('-': standard input)."),
        click.option("-n", "--namespace", default="default", help="Namespace of the pod."),
    )
    for option in options:
        function = option(function)
    return cluster_options(function)


def read(options: dict[str, Any], path: str) -> dict[str, Any]:
    """The JSON at an administration `path` of the proxy (or in the file) that the options mean."""
    if options["file"]:
        return _decoded(_file(options["file"]), options["file"])
    if not options["pod"]:
        raise click.UsageError("expecting a pod name (pod[.namespace]) or --file")
    return _decoded(ask(options, "GET", path), f"{options['pod']}: {path}")


def ask(options: dict[str, Any], method: str, path: str) -> bytes:
    """The answer of the pod's Envoy on its administration port."""

    async def asked() -> bytes:
        async with session(options["name"], options["kubeconfig"], options["context"]) as kube:
            return await request_proxy(kube, await find_pod(kube, options["pod"], options["namespace"]), method, path)

    return asyncio.run(asked())


def section(dump: dict[str, Any], kind: str) -> dict[str, Any]:
    """The part of a config dump whose type ends with `kind`, such as `ClustersConfigDump`; {} without one."""
    found = (part for part in dump.get("configs") or () if str(part.get("@type", "")).endswith("." + kind))
    return next(found, {})


def entries(part: dict[str, Any], *lists: str) -> Iterator[dict[str, Any]]:
    """All entries of the named lists of a section."""
    for name in lists:
        yield from part.get(name) or ()


def owner(resource: dict[str, Any]) -> str:
    """`name.namespace` of the Istio resource that the metadata names, "" without one."""
    istio = ((resource.get("metadata") or {}).get("filter_metadata") or {}).get("istio") or {}
    parts = str(istio.get("config") or "").split("/")
    return f"{parts[-1]}.{parts[-3]}" if len(parts) > 3 else ""


def emit(options: dict[str, Any], short: Callable[[], str], full: Any) -> None:
    """Print the table, or the resources as JSON or YAML."""
    show(short() if options["output"] == SHORT else structured(full, options["output"]))


def _file(name: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise CommandError(f"failed to get config dump from file {name}: {error.strerror}") from error


def _decoded(content: bytes, source: str) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(content)
    except msgspec.DecodeError as error:
        raise CommandError(f"{source}: not JSON ({error})", BAD_DATA) from error
    if not isinstance(found, dict):
        raise CommandError(f"{source}: not a configuration dump", BAD_DATA)
    return found
