"""Whether a proxy is ready, from what Envoy's administration says.

In: the text of `/stats` for `STATS_FILTER`. Out: None when ready, else the reason in Istio's words. The rule: ready
means that the first clusters and listeners from the control plane are in force and the workers run: a proxy without
configuration must not get traffic.
"""

from __future__ import annotations

from collections.abc import Mapping

STATS_FILTER = (
    r"^(server\.state|listener_manager\.workers_started"
    r"|cluster_manager\.cds\.update_(success|rejected)|listener_manager\.lds\.update_(success|rejected))$"
)
_STATES = ("LIVE", "DRAINING", "PRE_INITIALIZING", "INITIALIZING")


def not_ready_reason(stats_text: str) -> str | None:
    """None if the proxy is ready, else one sentence."""
    stats = _numbers(stats_text)
    clusters = stats.get("cluster_manager.cds.update_success", 0)
    listeners = stats.get("listener_manager.lds.update_success", 0)
    if not clusters and not listeners:
        return f"config not received from XDS server (is Istiod running?): {_summary(stats)}"
    if not clusters or not listeners:
        refused = any(stats.get(name, 0) for name in stats if name.endswith("update_rejected"))
        how = "was rejected" if refused else "not fully received"
        return f"config {how} from XDS server: {_summary(stats)}"
    state = stats.get("server.state", 0)
    if state:
        return f"server is not live, current state is: {_STATES[state] if state < len(_STATES) else 'UNKNOWN'}"
    return None if stats.get("listener_manager.workers_started") else "workers have not yet started"


def _numbers(text: str) -> dict[str, int]:
    """Envoy's statistics as text (`name: value` a line); what is no whole number is left out."""
    pairs = (line.partition(": ") for line in text.splitlines())
    return {name: int(value) for name, _, value in pairs if value.strip().isdigit()}


def _summary(stats: Mapping[str, int]) -> str:
    names = (
        ("cds updates", "cluster_manager.cds.update_success", "cluster_manager.cds.update_rejected"),
        ("lds updates", "listener_manager.lds.update_success", "listener_manager.lds.update_rejected"),
    )
    return "; ".join(
        f"{what}: {stats.get(good, 0)} successful, {stats.get(bad, 0)} rejected" for what, good, bad in names
    )
