"""Health checks as a value: results go in, a verdict comes out when it changes.

In: one result of a probe at a time. Out: the new count and, at a threshold, a verdict. Rules kept: thresholds count
in a row; a verdict is given once and again only after the opposite. The asking itself is in `adapters.node.probes`.
"""

from __future__ import annotations

import msgspec

from lateen.localcluster.pods import Container, ContainerPort, PodError, Probe

__all__ = ["Count", "Outcome", "action_name", "count", "port_number"]


class Outcome(msgspec.Struct, frozen=True):
    """One answer: whether it was good, and what to tell people if it was not."""

    ok: bool
    message: str = ""


class Count(msgspec.Struct, frozen=True):
    """Answers of one kind in a row, and the verdict in force (None before the first)."""

    streak: int = 0
    good: bool | None = None
    verdict: bool | None = None


def count(before: Count, probe: Probe, outcome: Outcome) -> Count:
    """The count after one more answer; `verdict` changes when the threshold is reached."""
    streak = before.streak + 1 if before.good == outcome.ok else 1
    threshold = probe.success_threshold if outcome.ok else probe.failure_threshold
    verdict = outcome.ok if streak >= max(1, threshold) else before.verdict
    return Count(streak, outcome.ok, verdict)


def port_number(container: Container, port: int | str) -> int:
    """The number of a probe's port, which may be a container port's name. Raises `PodError`."""
    named = _named(container.ports, port)
    if named is not None:
        return named
    try:
        number = int(port)
    except ValueError:
        raise PodError(f"container {container.name}: no port is named {str(port)[:40]!r}") from None
    if not 0 < number < 65536:
        raise PodError(f"container {container.name}: port {number} is not between 1 and 65535")
    return number


def _named(ports: tuple[ContainerPort, ...], name: int | str) -> int | None:
    return next((port.container_port for port in ports if port.name == name), None)


def action_name(probe: Probe) -> str:
    """Which of the four actions a probe has: http, tcp, exec or grpc; "" if none."""
    kinds = (("http", probe.http_get), ("tcp", probe.tcp_socket), ("exec", probe.exec), ("grpc", probe.grpc))
    return next((name for name, action in kinds if action is not None), "")
