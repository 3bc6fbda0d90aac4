"""`proxy-config route`: route tables, their virtual hosts and which VirtualService each rule came from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import click

from lateen.cli.output import table
from lateen.cli.proxy_config.listener import path_of
from lateen.cli.proxy_config.source import emit, entries, owner, proxy_options, read, section

HEADER = ("NAME", "VHOST NAME", "DOMAINS", "MATCH", "VIRTUAL SERVICE")
SHOWN_DOMAINS = 2
WITH_PORT = re.compile(r".*(?<!:):\d+|\[.*\]:\d+|.*:\*")


@click.command("route")
@proxy_options
@click.option("--name", "route_name", default="", help="Only the route table of this name.")
@click.option("--verbose/--no-verbose", default=True, help="Show hosts and matches.")
def command(**options: Any) -> None:
    """Routes of an Envoy.

    \b
    Examples:
      lateen proxy-config route go-multiroute-5c8f.default --name 3000
    """
    dump = section(read(options, "config_dump"), "RoutesConfigDump")
    found = [t for t in tables(dump) if not options["route_name"] or t.get("name") == options["route_name"]]
    emit(options, lambda: table(HEADER, [row for each in found for row in rows(each)]), found)


def tables(dump: dict[str, Any]) -> list[dict[str, Any]]:
    """All route tables: those with a name by name (numbers first, as ports), then the unnamed ones."""
    listed = (
        entry.get("route_config") or {} for entry in entries(dump, "static_route_configs", "dynamic_route_configs")
    )
    return sorted(listed, key=lambda t: (not t.get("name"), _number(t.get("name", "")), t.get("name", "")))


def rows(table_: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """A row per route; a virtual host without routes has one too."""
    name = str(table_.get("name", ""))
    for host in table_.get("virtual_hosts") or ():
        domains = describe_domains(host.get("domains") or ())
        routes: Sequence[dict[str, Any]] = host.get("routes") or ({},)
        for route in routes:
            path = path_of(route.get("match") or {}) if route else ""
            yield name, str(host.get("name", "")), domains, path, owner(route)


def describe_domains(domains: Sequence[str]) -> str:
    """The first domains without their `host:port` twins, and how many more there are."""
    bare = [domain for domain in domains if not (WITH_PORT.fullmatch(domain) and _without_port(domain) in domains)]
    more = len(bare) - SHOWN_DOMAINS
    return ", ".join(bare[:SHOWN_DOMAINS]) + (f" + {more} more..." if more > 0 else "")


def _without_port(domain: str) -> str:
    return domain.rpartition(":")[0]


def _number(name: str) -> int:
    return int(name) if name.isdigit() else 1 << 20
