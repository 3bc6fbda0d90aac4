"""Which API server a command talks to, and the options that choose it.

Order: `--kubeconfig`; else the local mesh of `--name` if it runs; else `$KUBECONFIG` or `~/.kube/config`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from lateen.adapters.http.kube_session import KubeSession
from lateen.app import local
from lateen.app.instance import InstanceError, check_name

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_NAME = "default"


def name_option(function: F) -> F:
    """`--name`: which local mesh."""
    option = click.option(
        "--name",
        envvar="LATEEN_NAME",
        default=DEFAULT_NAME,
        show_default=True,
        callback=_checked,
        help="Name of the local mesh.",
    )
    return option(function)


def _checked(context: click.Context, parameter: click.Parameter, name: str) -> str:  # noqa: ARG001 - click's interface
    try:
        return check_name(name)
    except InstanceError as error:
        raise click.BadParameter(str(error)) from error


def cluster_options(function: F) -> F:
    """`--mesh`, `--kubeconfig` and `--context`, as the commands that look at a mesh take them.

    Here the local mesh is `--mesh`, because istioctl's commands use `--name` for other things.
    """
    options: tuple[Callable[[F], F], ...] = (
        click.option(
            "--mesh",
            "name",
            envvar="LATEEN_NAME",
            default=DEFAULT_NAME,
            callback=_checked,
            help="Name of the local mesh.",
        ),
        click.option("--context", default="", help="Kubeconfig context to use."),
        click.option("--kubeconfig", "-c", default="", help="Kubernetes configuration file."),
    )
    for option in options:
        function = option(function)
    return function


def kubeconfig_path(name: str, kubeconfig: str) -> str:
    """The kubeconfig file that the options mean. Raises `InstanceError` when there is none."""
    if kubeconfig:
        return kubeconfig
    try:
        instance = local.find(name)
    except InstanceError:
        instance = None
    if instance is not None and local.is_running(instance):
        return instance.kubeconfig
    fallback = os.environ.get("KUBECONFIG", "").split(":")[0] or str(Path.home() / ".kube" / "config")
    if Path(fallback).exists():
        return fallback
    raise InstanceError(f"no mesh named {name!r} is running and there is no {fallback}; start one with `lateen up`")


def session(name: str, kubeconfig: str, context: str) -> KubeSession:
    """A session with the API server that the options mean."""
    return KubeSession.from_kubeconfig(kubeconfig_path(name, kubeconfig), context)
