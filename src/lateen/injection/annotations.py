"""Checks of the annotations that injection turns into arguments, ports and quantities.

In: a pod's annotations, written by a tenant. Out: nothing, or one `InjectionError` that names every bad one. The
rule: a value is checked before it is put anywhere; nothing is ever put together as text and parsed again, so quotes,
braces and newlines stay what they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from ipaddress import ip_network

from lateen.injection import names

_QUANTITY = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?\Z")
_INTERFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:+-]{0,14}\Z")
_BOOLEANS = frozenset({"1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"})


class InjectionError(ValueError):
    """A pod cannot be injected; the message is for its author and says what to change."""


def check_annotations(annotations: Mapping[str, str]) -> None:
    """Raises `InjectionError` for values that could not be meant."""
    problems = []
    for name, value in sorted(annotations.items()):
        check = _CHECKS.get(name)
        complaint = check(value) if check else None
        if complaint:
            problems.append(f"invalid value {value[:100]!r} for annotation {name!r}: {complaint}")
    if problems:
        raise InjectionError("; ".join(problems))


def parse_bool(value: str) -> bool | None:
    """A boolean as Go's strconv reads it, or None."""
    return value[:1] in "1tT" if value in _BOOLEANS else None


def _mode(value: str) -> str | None:
    known = value in ("REDIRECT", "TPROXY", "NONE")
    return None if known else "interceptionMode invalid, use REDIRECT, TPROXY or NONE"


def _port(value: str) -> str | None:
    stripped = value.strip(" ")
    good = stripped.isascii() and stripped.isdigit() and int(stripped) < 65536
    return None if good else f"failed parsing port {value[:20]!r}"


def _ports(value: str) -> str | None:
    parts = value.split(",") if value.strip(" ") else []
    return next((complaint for part in parts if (complaint := _port(part))), None)


def _included_ports(value: str) -> str | None:
    complaint = None if value == "*" else _ports(value)
    return f"includeInboundPorts invalid: {complaint}" if complaint else None


def _whole_number(value: str) -> str | None:
    good = value.isascii() and value.isdigit() and int(value) < 2**32
    return None if good else "must be a whole number"


def _ranges(value: str) -> str | None:
    for part in value.split(",") if value else ():
        try:
            if "/" not in part:
                raise ValueError("no prefix length")
            ip_network(part, strict=False)
        except ValueError:
            return f"failed parsing cidr {part[:50]!r}"
    return None


def _included_ranges(value: str) -> str | None:
    complaint = None if value == "*" else _ranges(value)
    return f"includeIPRanges invalid: {complaint}" if complaint else None


def _excluded_ranges(value: str) -> str | None:
    complaint = _ranges(value)
    return f"excludeIPRanges invalid: {complaint}" if complaint else None


def _interfaces(value: str) -> str | None:
    parts = value.split(",") if value else []
    bad = next((part for part in parts if _INTERFACE.match(part.strip()) is None), None)
    return None if bad is None else f"{bad[:30]!r} is not the name of a network interface"


def _boolean(value: str) -> str | None:
    return None if parse_bool(value) is not None else "must be true or false"


def _quantity(value: str) -> str | None:
    return None if _QUANTITY.match(value) else "must be a quantity such as 100m or 128Mi"


_CHECKS: Mapping[str, Callable[[str], str | None]] = {
    names.INTERCEPTION_MODE: _mode,
    names.STATUS_PORT: _port,
    "readiness.status.sidecar.istio.io/initialDelaySeconds": _whole_number,
    "readiness.status.sidecar.istio.io/periodSeconds": _whole_number,
    "readiness.status.sidecar.istio.io/failureThreshold": _whole_number,
    names.INCLUDE_RANGES: _included_ranges,
    names.EXCLUDE_RANGES: _excluded_ranges,
    names.INCLUDE_INBOUND: _included_ports,
    names.EXCLUDE_INBOUND: _ports,
    names.INCLUDE_OUTBOUND: _ports,
    names.EXCLUDE_OUTBOUND: _ports,
    names.EXCLUDE_INTERFACES: _interfaces,
    names.KUBEVIRT_INTERFACES: _interfaces,
    names.REROUTE_INTERFACES: _interfaces,
    names.MERGE_METRICS: _boolean,
    "sidecar.istio.io/proxyCPU": _quantity,
    "sidecar.istio.io/proxyMemory": _quantity,
    "sidecar.istio.io/proxyCPULimit": _quantity,
    "sidecar.istio.io/proxyMemoryLimit": _quantity,
}
