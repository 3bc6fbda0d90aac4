"""`proxy-config listener`: where a proxy listens, what each filter chain matches and where it leads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from lateen.cli.output import table
from lateen.cli.proxy_config.source import emit, entries, proxy_options, read, section

HEADER = ("ADDRESSES", "PORT", "MATCH", "DESTINATION")
HTTP_MANAGER = "http_connection_manager"
TCP_PROXY = "tcp_proxy"


@click.command("listener")
@proxy_options
@click.option("--port", type=int, default=0, help="Only listeners on this port.")
@click.option("--address", default="", help="Only listeners on this address.")
@click.option("--type", "kind", default="", help="Only listeners of this type: HTTP or TCP.")
def command(**options: Any) -> None:
    """Listeners of an Envoy.

    \b
    Examples:
      lateen proxy-config listener go-multiroute-5c8f.default --port 15006
    """
    dump = section(read(options, "config_dump"), "ListenersConfigDump")
    found = [each for each in listeners(dump) if _wanted(each, options)]
    emit(options, lambda: table(HEADER, [row for each in found for row in rows(each)], gap=1), found)


def listeners(dump: dict[str, Any]) -> list[dict[str, Any]]:
    """All listeners of the section, by port and address."""
    static = [entry["listener"] for entry in entries(dump, "static_listeners")]
    active = [(entry.get("active_state") or {}).get("listener") for entry in entries(dump, "dynamic_listeners")]
    return sorted((each for each in [*static, *active] if each), key=lambda each: (place(each)[1], place(each)[0]))


def place(listener: dict[str, Any]) -> tuple[str, int]:
    """Address (several joined by commas) and port; an internal listener has neither."""
    sockets = [_socket(listener), *(_socket(more) for more in listener.get("additional_addresses") or ())]
    return ",".join(s.get("address", "") for s in sockets), int(sockets[0].get("port_value", 0))


def rows(listener: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """A row per filter chain, the default one last."""
    address, port = place(listener)
    chains = list(listener.get("filter_chains") or ())
    if listener.get("default_filter_chain"):
        chains.append(listener["default_filter_chain"])
    for chain in chains:
        yield address, str(port), match(chain.get("filter_chain_match") or {}), destination(chain)


def match(condition: dict[str, Any]) -> str:
    """What a filter chain matches, in istioctl's words."""
    parts = []
    if names := condition.get("server_names"):
        parts.append("SNI: " + ",".join(names))
    if transport := condition.get("transport_protocol"):
        parts.append("Trans: " + transport)
    if protocols := condition.get("application_protocols"):
        parts.append("App: " + ",".join(protocols))
    port = f":{condition['destination_port']}" if condition.get("destination_port") else ""
    ranges = [_cidr(each) for each in condition.get("prefix_ranges") or ()]
    if ranges or port:
        parts.append("Addr: " + (",".join(ranges) or "*") + port)
    return "; ".join(parts) or "ALL"


def destination(chain: dict[str, Any]) -> str:
    """Where a filter chain leads: a route table, inline routes, a cluster, or nowhere that is known."""
    for each in chain.get("filters") or ():
        config = each.get("typed_config") or {}
        kind = str(config.get("@type", ""))
        if kind.endswith("HttpConnectionManager"):
            return _http(config)
        if kind.endswith("TcpProxy"):
            return _tcp(config)
    return "Non-HTTP/Non-TCP"


def _http(manager: dict[str, Any]) -> str:
    if "rds" in manager:
        return f"Route: {manager['rds']['route_config_name']}"
    routes = [
        r for host in (manager.get("route_config") or {}).get("virtual_hosts") or () for r in host.get("routes") or ()
    ]
    clusters = {(r.get("route") or {}).get("cluster") for r in routes}
    paths = {path_of(r.get("match") or {}) for r in routes}
    if paths == {"/*"} and len(clusters) == 1 and None not in clusters:
        return f"Cluster: {clusters.pop()}"
    return "Inline Route: " + ", ".join(sorted(paths))


def path_of(condition: dict[str, Any]) -> str:
    """A route match's path condition."""
    if "prefix" in condition:
        return str(condition["prefix"]) + "*"
    if "path_separated_prefix" in condition:
        return "PathPrefix:" + str(condition["path_separated_prefix"])
    if "path" in condition:
        return str(condition["path"])
    return "regex " + str((condition.get("safe_regex") or {}).get("regex", ""))


def _tcp(proxy: dict[str, Any]) -> str:
    if "cluster" in proxy:
        return f"Cluster: {proxy['cluster']}"
    weighted = (proxy.get("weighted_clusters") or {}).get("clusters") or ()
    return "Cluster: " + ",".join(each["name"] for each in weighted)


def _socket(holder: dict[str, Any]) -> dict[str, Any]:
    return dict((holder.get("address") or {}).get("socket_address") or {})


def _cidr(block: dict[str, Any]) -> str:
    length = block.get("prefix_len", 0)
    address = str(block.get("address_prefix", ""))
    return address if length in (32, 128) else f"{address}/{length}"


def _wanted(listener: dict[str, Any], options: dict[str, Any]) -> bool:
    address, port = place(listener)
    if (options["port"] and port != options["port"]) or (options["address"] and options["address"] not in address):
        return False
    return not options["kind"] or options["kind"].upper() == _kind(listener)


def _kind(listener: dict[str, Any]) -> str:
    names = [f.get("name", "") for chain in listener.get("filter_chains") or () for f in chain.get("filters") or ()]
    return "HTTP" if any(HTTP_MANAGER in name for name in names) else "TCP"
