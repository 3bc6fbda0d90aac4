"""`proxy-config cluster`: services, ports and subsets that a proxy knows."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from lateen.cli.output import table
from lateen.cli.proxy_config.source import emit, entries, owner, proxy_options, read, section

HEADER = ("SERVICE FQDN", "PORT", "SUBSET", "DIRECTION", "TYPE", "DESTINATION RULE")


class ClusterName(msgspec.Struct, frozen=True, order=True):
    """The parts of `direction|port|subset|host`; a name of another form is all `host`."""

    host: str
    port: int = 0
    subset: str = ""
    direction: str = ""


@click.command("cluster")
@proxy_options
@click.option("--fqdn", default="", help="Only clusters of this service.")
@click.option("--port", type=int, default=0, help="Only clusters of this port.")
@click.option("--subset", default="", help="Only clusters of this subset.")
@click.option("--direction", default="", help="inbound or outbound.")
def command(**options: Any) -> None:
    """Clusters of an Envoy.

    \b
    Examples:
      lateen proxy-config cluster go-multiroute-5c8f.default --port 3000
    """
    dump = section(read(options, "config_dump"), "ClustersConfigDump")
    wanted = {field: options[field] for field in ("port", "subset", "direction") if options[field]}
    if options["fqdn"]:
        wanted["host"] = options["fqdn"]
    found = [c for c in clusters(dump) if all(getattr(parse(c["name"]), k) == v for k, v in wanted.items())]
    emit(options, lambda: table(HEADER, [row(c) for c in found]), found)


def clusters(dump: dict[str, Any]) -> list[dict[str, Any]]:
    """All clusters of the section, by host, port and subset."""
    listed = entries(dump, "static_clusters", "dynamic_active_clusters")
    return sorted((entry["cluster"] for entry in listed), key=lambda c: parse(c["name"]))


def parse(name: str) -> ClusterName:
    """The parts of a cluster's name."""
    parts = name.split("|")
    if len(parts) != 4:
        return ClusterName(name)
    direction, port, subset, host = parts
    return ClusterName(host, int(port) if port.isdigit() else 0, subset, direction)


def row(cluster: dict[str, Any]) -> tuple[str, ...]:
    name = parse(cluster["name"])
    kind = cluster.get("type") or (cluster.get("cluster_type") or {}).get("name") or "STATIC"
    return (name.host, str(name.port or "-"), name.subset or "-", name.direction or "-", kind, owner(cluster))
