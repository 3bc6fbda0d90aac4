"""Where users meet the findings of the control plane: as warnings when they apply something, and in its log.

In: an object that is about to be applied; all findings in force. Out: findings for the validating webhook; one line in
the log for each finding that is new. Rule: an object is refused only for what is wrong with itself; what the rest of
the mesh lacks (a provider, a secret, a service) may still come, so that is a warning.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from lateen.adapters.clock import Clock
from lateen.adapters.webhook.reviews import object_findings
from lateen.controlplane.findings import all_findings, findings_if_applied
from lateen.controlplane.plane import ControlPlane
from lateen.engine import Database
from lateen.resources.decode import decode
from lateen.resources.findings import Finding, has_errors

log = logging.getLogger("lateen.findings")

PAUSE: Final = 1.0
"""Seconds between two looks: a burst of changes is looked at once."""
_LEVELS: Final = {"error": logging.ERROR, "warning": logging.WARNING}


def judged(db: Database, given: Mapping[str, Any]) -> tuple[Finding, ...]:
    """What there is to say about an object that is about to be applied to this mesh."""
    alone = object_findings(given)
    resource = decode(dict(given)).resource
    if resource is None or has_errors(alone):
        return alone
    known = {(finding.path, finding.message) for finding in alone}
    there = findings_if_applied(db, resource)
    more = (finding for finding in there if (finding.path, finding.message) not in known)
    return (*alone, *(msgspec.structs.replace(finding, severity="warning") for finding in more))


class FindingsLog:
    """Writes each finding to the log once, when it appears."""

    def __init__(self, plane: ControlPlane, clock: Clock) -> None:
        self._clock = clock
        self._changed = asyncio.Event()
        self._findings = plane.observe(self._changed.set, all_findings)
        self._told: set[str] = set()
        self._changed.set()

    async def run(self) -> None:
        """Look whenever something may have changed, for ever."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            self.look()
            await self._clock.sleep(PAUSE)

    def look(self) -> None:
        """Tell what is new. A finding that went and came back is new again."""
        found = {str(finding): finding for finding in self._findings.read()}
        for text, finding in found.items():
            if text not in self._told:
                log.log(_LEVELS.get(finding.severity, logging.INFO), "%s", text)
        self._told = set(found)
