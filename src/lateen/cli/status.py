"""`lateen status`: which local meshes there are, and how each pod of one does."""

from __future__ import annotations

import asyncio

import click
import msgspec

from lateen.adapters.http.kube_session import KubeSession
from lateen.app import local
from lateen.app.instance import Instance
from lateen.app.observe import Observed, observing
from lateen.app.pod_rows import PodRow
from lateen.cli.connect import name_option
from lateen.cli.errors import FAILED
from lateen.cli.output import show, structured, table

LOOK_SECONDS = 5.0


@click.command("status")
@name_option
@click.option("-o", "--output", type=click.Choice(["table", "json", "yaml"]), default="table")
@click.option("--all", "-A", "every", is_flag=True, help="List all local meshes instead.")
def command(name: str, output: str, every: bool) -> int:
    """Show how a local mesh does.

    \b
    Examples:
      lateen status
      lateen status --all
      lateen status -o json
    """
    if every:
        _list_all(output)
        return 0
    instance = local.find(name)
    if not local.is_running(instance):
        click.echo(f"mesh {name} is not running; start it with `lateen up --name {name}`", err=True)
        return FAILED
    rows, problems = asyncio.run(_look(instance))
    if output == "table":
        show(_table(rows) + "".join(f"{line}\n" for line in problems))
    else:
        pods = msgspec.to_builtins(rows)
        show(structured({"mesh": name, "kubeconfig": instance.kubeconfig, "pods": pods, "problems": problems}, output))
    return FAILED if problems else 0


def _list_all(output: str) -> None:
    found = [(i.name, "running" if local.is_running(i) else "stopped", i.api_url, i.kubeconfig) for i in local.known()]
    if output == "table":
        show(table(("NAME", "STATE", "API", "KUBECONFIG"), found))
    else:
        show(structured([dict(zip(("name", "state", "api", "kubeconfig"), row, strict=True)) for row in found], output))


async def _look(instance: Instance) -> tuple[list[PodRow], list[str]]:
    async with KubeSession.from_kubeconfig(instance.kubeconfig) as session, observing(session) as observed:
        await observed.until(_known, LOOK_SECONDS)
        return observed.rows(), list(observed.problems())


def _known(observed: Observed) -> bool:
    synced = observed.synced >= {"pods", "deployments", "warnings"}
    return synced and all(row.sync != "WAITING" or not row.done for row in observed.rows())


def _table(rows: list[PodRow]) -> str:
    return table(
        ("NAMESPACE", "POD", "READY", "STATUS", "PROXY"),
        [(r.namespace, r.name, r.ready, r.status, r.sync) for r in rows],
    )
