"""Out of file descriptors: a server waits for better times, and says so once in a while instead of flooding its log.

In: the event loop of a process. Out: a line at most every ten seconds while connections cannot be accepted. The rule:
asyncio reports each of some hundred failed attempts a second with a path of its own; under attack that would fill the
disk, which is worse than the attack.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

__all__ = ["ACCEPT_FAILED", "tell_seldom"]

ACCEPT_FAILED = "socket.accept() out of system resource"  # asyncio's words (`selector_events.py`)
EVERY = 10.0  # seconds
log = logging.getLogger(__name__)


class _Seldom:
    """An exception handler of a loop."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if context.get("message") != ACCEPT_FAILED:
            loop.default_exception_handler(context)
        elif loop.time() >= self._next:
            self._next = loop.time() + EVERY
            log.error("no connection can be accepted for the moment: %s", context.get("exception"))


def tell_seldom(loop: asyncio.AbstractEventLoop) -> None:
    """Let the loop report failed accepts at most every ten seconds; other errors as before."""
    loop.set_exception_handler(_Seldom())
