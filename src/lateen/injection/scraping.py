"""Merged metrics: Prometheus is sent to the agent, the agent learns where the application's own metrics are.

In: a pod's annotations and the mesh's configuration. Out: new annotations and the agent's variable. The rule: a
target must be a port of the application, never one of the mesh's own, or the agent would scrape itself for ever.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from lateen.injection.annotations import InjectionError, parse_bool
from lateen.injection.names import MERGE_METRICS, RESERVED_PORTS

VARIABLE = "ISTIO_PROMETHEUS_ANNOTATIONS"
PATH = "/stats/prometheus"
_TARGETS = "prometheus.istio.io/scrape-targets"
_KINDS = ("scrape", "path", "port")


def merged_metrics(
    annotations: Mapping[str, str], mesh: Mapping[str, Any], port: int
) -> tuple[dict[str, str], str | None]:
    """New annotations, and the text of the agent's variable (None if it is not needed).

    Raises `InjectionError` for a port that cannot be scraped.
    """
    found = _prometheus(annotations)
    if not _wanted(annotations, mesh, found) or found.get("port") == str(port):
        return dict(annotations), None
    targets = _targets(annotations.get(_TARGETS, ""))
    for wanted in [target["port"] for target in targets] or [found.get("port", "")]:
        _check_port(wanted, port)
    kept = {name: value for name, value in annotations.items() if _kind(name) is None}
    kept |= {"prometheus.io/port": str(port), "prometheus.io/path": PATH, "prometheus.io/scrape": "true"}
    return kept, _variable(found, targets)


def without_merged_metrics(annotations: Mapping[str, str], port: int) -> dict[str, str]:
    """The annotations without those that an earlier injection set."""
    if _prometheus(annotations).get("port") != str(port):
        return dict(annotations)
    return {name: value for name, value in annotations.items() if _kind(name) is None}


def _wanted(annotations: Mapping[str, str], mesh: Mapping[str, Any], found: Mapping[str, str]) -> bool:
    if parse_bool(found.get("scrape", "true")) is False:
        return False
    own = parse_bool(annotations.get(MERGE_METRICS, ""))
    enabled = mesh.get("enablePrometheusMerge")
    return own if own is not None else enabled is not False


def _prometheus(annotations: Mapping[str, str]) -> dict[str, str]:
    """The values of `prometheus.io/scrape|path|port`, in any spelling that Prometheus takes as the same name."""
    return {kind: value for name, value in annotations.items() if (kind := _kind(name)) is not None}


def _kind(name: str) -> str | None:
    plain = re.sub(r"[^a-zA-Z0-9_]", "_", name)
    kind = plain.removeprefix("prometheus_io_")
    return kind if plain != kind and kind in _KINDS else None


def _targets(written: str) -> list[dict[str, str]]:
    found = []
    for entry in (part.strip() for part in written.split(",")):
        port, _, path = entry.partition(":")
        if entry and not port.strip():
            raise InjectionError(f"annotation {_TARGETS!r}: empty port in {entry[:50]!r}")
        if entry:
            found.append({"port": port.strip(), "path": path.strip() or "/metrics"})
    return found


def _check_port(wanted: str, agent_port: int) -> None:
    if not wanted:
        return
    if not (wanted.isascii() and wanted.isdigit()) or not 0 < int(wanted) < 65536:
        raise InjectionError(f"invalid prometheus scrape configuration: invalid port {wanted[:20]!r}")
    number = int(wanted)
    if number == agent_port:
        raise InjectionError(f"invalid prometheus scrape configuration: port {number} conflicts with agent port")
    if number in RESERVED_PORTS:
        raise InjectionError(
            f"invalid prometheus scrape configuration: port {number} is reserved ({RESERVED_PORTS[number]})"
        )


def _variable(found: Mapping[str, str], targets: list[dict[str, str]]) -> str | None:
    first = targets[0] if targets else found
    written: dict[str, Any] = {"scrape": found.get("scrape", "")}
    written |= {"path": first.get("path", ""), "port": first.get("port", "")}
    if targets:
        written["targets"] = targets
    return json.dumps(written, separators=(",", ":")) if any(written.values()) else None
