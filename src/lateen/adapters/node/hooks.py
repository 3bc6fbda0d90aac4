"""Lifecycle hooks: what a container wants done after its start and before its end.

In: a handler of the manifest. Out: an `Outcome`. Rule: a hook that fails is told to people; it never stops the node
agent's own work.
"""

from __future__ import annotations

import asyncio

from lateen.adapters.node.cgroups import Cgroups
from lateen.adapters.node.entering import Inside, run_command
from lateen.adapters.node.probing import http_request
from lateen.localcluster.pods import Container, Handler, PodError
from lateen.localcluster.probes import Outcome, port_number

__all__ = ["run_hook"]

_LONGEST = 3600.0


async def run_hook(handler: Handler, container: Container, address: str, inside: Inside, cgroups: Cgroups) -> Outcome:
    """Carry out a hook; the caller limits its time."""
    try:
        if handler.sleep is not None:
            await asyncio.sleep(max(0, handler.sleep.seconds))
        elif handler.exec is not None:
            return await run_command(inside, cgroups, handler.exec.command, _LONGEST)
        elif handler.http_get is not None:
            return await http_request(handler.http_get, container, address)
        elif handler.tcp_socket is not None:
            port = port_number(container, handler.tcp_socket.port)
            _, writer = await asyncio.open_connection(handler.tcp_socket.host or address, port)
            writer.close()
    except (OSError, PodError) as error:
        return Outcome(False, str(error))
    return Outcome(True)
