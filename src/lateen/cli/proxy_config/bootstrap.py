"""`proxy-config bootstrap`: how a proxy was started."""

from __future__ import annotations

from typing import Any

import click

from lateen.cli.proxy_config.source import emit, proxy_options, read, section


@click.command("bootstrap")
@proxy_options
def command(**options: Any) -> None:
    """Bootstrap configuration of an Envoy.

    \b
    Examples:
      lateen proxy-config bootstrap go-multiroute-5c8f.default -o yaml
    """
    dump = section(read(options, "config_dump"), "BootstrapConfigDump")
    emit(options, lambda: summary(dump), dump)


def summary(dump: dict[str, Any]) -> str:
    """The three versions, as istioctl prints them."""
    node = (dump.get("bootstrap") or {}).get("node") or {}
    metadata = node.get("metadata") or {}
    build = node.get("user_agent_build_version") or {}
    number = build.get("version") or {}
    envoy = ".".join(str(number.get(part, 0)) for part in ("major_number", "minor_number", "patch"))
    proxy = (build.get("metadata") or {}).get("revision.sha") or metadata.get("ISTIO_PROXY_SHA") or ""
    lines = (
        ("Istio Version:", metadata.get("ISTIO_VERSION", "")),
        ("Istio Proxy Version:", proxy),
        ("Envoy Version:", envoy),
    )
    return "".join(f"{title.ljust(20)} {value}\n" for title, value in lines)
