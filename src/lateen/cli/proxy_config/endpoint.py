"""`proxy-config endpoint`: the hosts behind each cluster and how healthy the proxy finds them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from lateen.cli.output import table
from lateen.cli.proxy_config.source import emit, proxy_options, read

HEADER = ("ENDPOINT", "STATUS", "OUTLIER CHECK", "CLUSTER")


@click.command("endpoint")
@proxy_options
@click.option("--address", default="", help="Only endpoints with this address.")
@click.option("--port", type=int, default=0, help="Only endpoints with this port.")
@click.option("--cluster", default="", help="Only endpoints of this cluster.")
@click.option("--status", default="", help="Only endpoints with this status (HEALTHY, UNHEALTHY, ...).")
def command(**options: Any) -> None:
    """Endpoints of an Envoy.

    \b
    Examples:
      lateen proxy-config endpoint go-multiroute-5c8f.default --port 3000
    """
    answer = read(options, "clusters?format=json")
    found = sorted(row for row in rows(answer) if _wanted(row, options))
    names = {row[3] for row in found}
    full = [status for status in answer.get("cluster_statuses") or () if status.get("name") in names]
    emit(options, lambda: table(HEADER, found), full)


def rows(answer: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """A row per host of each cluster."""
    for status in answer.get("cluster_statuses") or ():
        for host in status.get("host_statuses") or ():
            health = host.get("health_status") or {}
            outlier = "FAILED" if health.get("failed_outlier_check") else "OK"
            yield _address(host.get("address") or {}), _health(health), outlier, str(status.get("name", ""))


def _address(address: dict[str, Any]) -> str:
    if socket := address.get("socket_address"):
        return f"{socket.get('address', '')}:{socket.get('port_value', 0)}"
    if internal := address.get("envoy_internal_address"):
        return f"envoy://{internal.get('server_listener_name', '')}/{internal.get('endpoint_id', '')}"
    return "unix://" + str((address.get("pipe") or {}).get("path", ""))


def _health(health: dict[str, Any]) -> str:
    return str(health.get("eds_health_status") or "UNKNOWN")


def _wanted(row: tuple[str, str, str, str], options: dict[str, Any]) -> bool:
    address, _, port = row[0].rpartition(":")
    checks = (
        not options["address"] or options["address"] == address,
        not options["port"] or str(options["port"]) == port,
        not options["cluster"] or options["cluster"] == row[3],
        not options["status"] or options["status"].upper() == row[1],
    )
    return all(checks)
