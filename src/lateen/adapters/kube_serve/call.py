"""Who asks, and how: what travels with one request through the API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from lateen.localcluster.admission.request import Admitted, Request
from lateen.localcluster.auth.identity import User

JSON = dict[str, Any]
Admit = Callable[[Request], Awaitable[Admitted]]


class Call(msgspec.Struct):
    """One request's caller and options; `warnings` collects what the client is told beside the answer."""

    user: User
    dry_run: bool = False
    field_validation: str = "Strict"
    warnings: list[str] = msgspec.field(default_factory=list)
