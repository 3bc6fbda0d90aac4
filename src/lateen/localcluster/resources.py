"""Resource quantities of containers, and the limits that follow from them.

In: Kubernetes quantities ("100m", "15Mi", 2). Out: numbers of bytes and millicores, and `Limits` in the units of the
kernel's control groups. Rule: a quantity that cannot be read is a `QuantityError` with its text, never a guess.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Decimal

import msgspec

__all__ = ["Limits", "QuantityError", "limits_of", "millicores", "quantity"]

_QUANTITY = re.compile(r"([+-]?[0-9]+(?:\.[0-9]*)?|[+-]?\.[0-9]+)([eE][+-]?[0-9]{1,2}|[kKMGTPE]i|[numkMGTPE]?)")
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
MAX_PIDS = 32768


class QuantityError(ValueError):
    """A text is no Kubernetes quantity."""


class Limits(msgspec.Struct, frozen=True):
    """A container's limits: `memory` in bytes (0 = none), `cpu_quota` in microseconds per 100 ms (0 = none)."""

    memory: int = 0
    cpu_quota: int = 0
    cpu_shares: int = 2
    pids: int = MAX_PIDS


def quantity(value: str | int | float) -> Decimal:
    """The number that a quantity stands for. Source: k8s.io/apimachinery, api/resource, `Quantity`."""
    found = _QUANTITY.fullmatch(str(value))
    if not found:
        raise QuantityError(f"{str(value)[:40]!r} is no quantity (such as 100m, 15Mi or 2)")
    number, suffix = Decimal(found[1]), found[2]
    if suffix in _BINARY:
        return number * Decimal(1024 ** _BINARY[suffix])
    if suffix in _DECIMAL:
        return number.scaleb(_DECIMAL[suffix])
    return number.scaleb(int(suffix[1:]))


def millicores(value: str | int | float) -> int:
    """A CPU quantity in thousandths of a core, rounded up."""
    return math.ceil(quantity(value) * 1000)


def limits_of(requests: Mapping[str, str | int | float], limits: Mapping[str, str | int | float]) -> Limits:
    """The control group settings of a container's `resources`.

    Shares follow from the request, or the limit without one.
    """
    cpu_limit = millicores(limits["cpu"]) if "cpu" in limits else 0
    cpu_request = millicores(requests["cpu"]) if "cpu" in requests else cpu_limit
    memory = int(quantity(limits["memory"])) if "memory" in limits else 0
    return Limits(
        memory=max(memory, 0),
        cpu_quota=max(cpu_limit * 100, 1000) if cpu_limit else 0,
        cpu_shares=min(max(cpu_request * 1024 // 1000, 2), 262144),
    )
