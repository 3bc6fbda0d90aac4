"""`lateen proxy-status`: which proxies are connected, and whether each has the configuration it should have.

In: every control plane's `/debug/syncz`, read through the API server's pod proxy. Out: istioctl's table, JSON or
YAML.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import click
import msgspec

from lateen.adapters.http.kube_session import KubeSession
from lateen.cli.connect import cluster_options, session
from lateen.cli.errors import CommandError
from lateen.cli.output import show, structured, table

CLIENT_CONFIG = "type.googleapis.com/envoy.service.status.v3.ClientConfig"
KNOWN_TYPES = {
    "type.googleapis.com/envoy.config.cluster.v3.Cluster": "CDS",
    "type.googleapis.com/envoy.config.listener.v3.Listener": "LDS",
    "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment": "EDS",
    "type.googleapis.com/envoy.config.route.v3.RouteConfiguration": "RDS",
    "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig": "ECDS",
}


class ProxySync(msgspec.Struct, frozen=True, order=True):
    """One connected proxy: where it is, who serves it, and a status per xDS type (short name -> SYNCED, ...)."""

    name: str
    cluster: str
    istiod: str
    version: str
    namespace: str = ""
    status: dict[str, str] = {}


@click.command("proxy-status")
@cluster_options
@click.option("-n", "--namespace", default="", help="Only proxies of this namespace.")
@click.option(
    "-i", "--istioNamespace", "istio_namespace", default="istio-system", help="Namespace of the control plane."
)
@click.option("-o", "--output", type=click.Choice(["table", "json", "yaml"]), default="table")
@click.option("-v", "--verbosity", type=click.IntRange(0, 1), default=0, help="1: a column for each xDS type.")
@click.argument("proxy", required=False)
def command(**options: Any) -> None:
    """Show each proxy's synchronization status.

    \b
    Examples:
      lateen proxy-status
      lateen ps -v 1
      lateen ps go-multiroute-5c8f.default -o json
    """
    with_session = session(options["name"], options["kubeconfig"], options["context"])
    answers = asyncio.run(fetch_syncz(with_session, options["istio_namespace"]))
    if options["output"] != "table":
        found = narrowed(answers, options["proxy"], options["namespace"])
        show(structured(found[0] if len(found) == 1 else found, options["output"]))
        return
    show(render(chosen(proxies(answers), options["proxy"], options["namespace"]), options["verbosity"]))


async def fetch_syncz(kube: KubeSession, namespace: str) -> list[dict[str, Any]]:
    """The `/debug/syncz` of every running control-plane pod of `namespace`."""
    async with kube:
        pods = await kube.request("GET", f"/api/v1/namespaces/{namespace}/pods", params={"labelSelector": "app=istiod"})
        running = [pod for pod in pods.get("items", []) if pod.get("status", {}).get("phase") == "Running"]
        if not running:
            raise CommandError(f"no running control plane (pods with app=istiod) in namespace {namespace}")
        paths = [
            f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}:15014/proxy/debug/syncz" for pod in running
        ]
        return [await kube.request("GET", path) for path in paths]


def proxies(answers: Sequence[dict[str, Any]]) -> list[ProxySync]:
    """All proxies of all answers, by name."""
    return sorted(_proxy(answer, resource) for answer in answers for resource in answer.get("resources") or ())


def chosen(found: list[ProxySync], proxy: str | None, namespace: str) -> list[ProxySync]:
    """Those that the arguments mean: `pod[.namespace]` or all of a namespace."""
    if not proxy:
        return [p for p in found if not namespace or p.namespace == namespace]
    wanted = proxy if "." in proxy else f"{proxy}.{namespace or 'default'}"
    matching = [p for p in found if p.name == wanted]
    if not matching:
        raise CommandError(f"no proxy {wanted} is connected; `lateen proxy-status` lists those that are")
    return matching


def narrowed(answers: list[dict[str, Any]], proxy: str | None, namespace: str) -> list[dict[str, Any]]:
    """The answers with the proxies that the arguments mean; those without any are left out if one is named."""
    names = {p.name for p in chosen(proxies(answers), proxy, namespace)}
    kept = [
        {**answer, "resources": [r for r in answer.get("resources") or () if _proxy(answer, r).name in names]}
        for answer in answers
    ]
    return [answer for answer in kept if answer["resources"]] if proxy else kept


def render(found: Sequence[ProxySync], verbosity: int) -> str:
    """istioctl's table: the subscribed types, or with verbosity 1 a column per type."""
    if verbosity == 0:
        header = ["NAME", "CLUSTER", "ISTIOD", "VERSION", "SUBSCRIBED TYPES"]
        return table(header, [[p.name, p.cluster, p.istiod, p.version, _subscribed(p)] for p in found])
    types = sorted(KNOWN_TYPES.values())
    rows = [[p.name, p.cluster, *(p.status.get(t, "NOT SENT") for t in types), p.istiod, p.version] for p in found]
    return table(["NAME", "CLUSTER", *types, "ISTIOD", "VERSION"], rows)


def _proxy(answer: dict[str, Any], resource: dict[str, Any]) -> ProxySync:
    node = resource.get("node") or {}
    metadata = node.get("metadata") or {}
    identifier = msgspec.json.decode((answer.get("controlPlane") or {}).get("identifier") or "{}")
    parts = str(node.get("id", "")).split("~")
    configs = resource.get("genericXdsConfigs") or ()
    return ProxySync(
        name=parts[2] if len(parts) == 4 else parts[0],
        cluster=str(metadata.get("CLUSTER_ID", "")),
        istiod=str(identifier.get("ID", "")),
        version=str(metadata.get("ISTIO_VERSION", "")),
        namespace=str(metadata.get("NAMESPACE", "")),
        status={KNOWN_TYPES[c["typeUrl"]]: _words(c) for c in configs if c.get("typeUrl") in KNOWN_TYPES},
    )


def _words(config: dict[str, Any]) -> str:
    return str(config.get("configStatus", "NOT_SENT")).replace("_", " ")


def _subscribed(proxy: ProxySync) -> str:
    names = [name for name in KNOWN_TYPES.values() if proxy.status.get(name, "NOT SENT") != "NOT SENT"]
    ordered = [name for name in ("CDS", "LDS", "EDS", "RDS", "ECDS") if name in names]
    return f"{len(ordered)} ({','.join(ordered)})"
