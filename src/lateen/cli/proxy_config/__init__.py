"""`lateen proxy-config`: what an Envoy really has, in istioctl's tables.

In: a running proxy, or a file with its `config_dump`. Out: tables, JSON or YAML. One file per sub-command; each turns
parts of the dump into rows.
"""

from __future__ import annotations

import click

from lateen.cli.proxy_config import bootstrap, cluster, endpoint, listener, log, route, secret

ALIASES = {
    "clusters": "cluster",
    "c": "cluster",
    "listeners": "listener",
    "l": "listener",
    "routes": "route",
    "r": "route",
    "endpoints": "endpoint",
    "ep": "endpoint",
    "secrets": "secret",
    "s": "secret",
    "b": "bootstrap",
    "o": "log",
}


class Aliased(click.Group):
    """A group whose sub-commands also answer to their plural and short names."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, ALIASES.get(cmd_name, cmd_name))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        return (command.name if command else name), command, rest


@click.group("proxy-config", cls=Aliased)
def command() -> None:
    """A group of commands used to retrieve information about proxy configuration from Envoy.

    \b
    Examples:
      lateen proxy-config cluster go-multiroute-5c8f.default
      lateen pc listener deployment/istio-ingressgateway.istio-system --port 8080
      lateen pc endpoint go-multiroute-5c8f --cluster "outbound|3000||go-multiroute.default.svc.cluster.local" -o json
    """


for part in (cluster, listener, route, endpoint, secret, bootstrap, log):
    command.add_command(part.command)
