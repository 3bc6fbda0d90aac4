"""How a proxy ends: what Envoy is asked, and when nothing is left to wait for.

In: the proxy's role, and Envoy's statistics as text. Out: a path of the administration, a number of connections. The
rule: a sidecar stops taking inbound work and goes on serving what the application still calls; what probes and
collectors have open does not count.
"""

from __future__ import annotations

import re

from lateen.agent.bootstrap import HEALTH_PORT, METRICS_PORT
from lateen.agent.facts import Role

INBOUND_PORT = 15006
OUTBOUND_PORT = 15001
CONNECTIONS_FILTER = r"^listener\.0\.0\.0\.0_[0-9]+\.downstream_cx_active$"
_LINE = re.compile(r"listener\.0\.0\.0\.0_([0-9]+)\.downstream_cx_active: ([0-9]+)")


def drain_path(role: Role) -> str:
    """What to POST to the administration so that the proxy begins to drain."""
    return "/drain_listeners?inboundonly&graceful" if role == "sidecar" else "/drain_listeners?graceful"


def open_connections(stats_text: str, role: Role) -> int:
    """How many connections of users are open, from the answer for `CONNECTIONS_FILTER`."""
    found = {int(port): int(count) for port, count in _LINE.findall(stats_text)}
    if role == "sidecar":
        return found.get(INBOUND_PORT, 0)
    return sum(count for port, count in found.items() if port not in (HEALTH_PORT, METRICS_PORT, OUTBOUND_PORT))
