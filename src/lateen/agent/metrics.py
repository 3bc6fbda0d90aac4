"""Merged metrics: one exposition out of the agent's, the proxy's and the application's.

In: the expositions as bytes, and what the injector wrote into `ISTIO_PROMETHEUS_ANNOTATIONS`. Out: one body and its
content type. The rule: the application's goes last because an OpenMetrics exposition ends with `# EOF`; a part that
failed is left out, never the whole.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import msgspec

VARIABLE = "ISTIO_PROMETHEUS_ANNOTATIONS"
TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPEN_METRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
MAX_BODY = 10 * 1024 * 1024


class Target(msgspec.Struct, frozen=True):
    """A metrics endpoint of the application in this pod."""

    port: int
    path: str = "/metrics"


class Exposition(msgspec.Struct, frozen=True):
    """What one endpoint answered."""

    body: bytes
    content_type: str = TEXT


def targets(env: Mapping[str, str]) -> tuple[Target, ...]:
    """The application's endpoints that the injector wrote down; none if it wrote nothing usable."""
    try:
        written = json.loads(env.get(VARIABLE) or "{}")
        listed = written.get("targets") or ([written] if written else [])
        return tuple(_target(entry) for entry in listed)
    except (ValueError, AttributeError, TypeError):
        return ()


def merged(own: Sequence[bytes], application: Sequence[Exposition]) -> Exposition:
    """One exposition. `own` are the agent's and the proxy's, in text form."""
    open_metrics = bool(application) and all("openmetrics" in part.content_type for part in application)
    parts = [_ended(body) for body in own] + [_ended(_without_eof(part.body)) for part in application]
    body = b"".join(parts)
    return Exposition(body + b"# EOF\n", OPEN_METRICS) if open_metrics else Exposition(body, TEXT)


def _target(entry: Mapping[str, str]) -> Target:
    path = entry.get("path") or "/metrics"
    return Target(int(entry.get("port") or 80), path if path.startswith("/") else f"/{path}")


def _ended(body: bytes) -> bytes:
    return body if not body or body.endswith(b"\n") else body + b"\n"


def _without_eof(body: bytes) -> bytes:
    trimmed = body.rstrip()
    return trimmed[: -len(b"# EOF")] if trimmed.endswith(b"# EOF") else body
