"""What is said to users about their configuration.

In: a rule that noticed something. Out: a value that names the object, the field, the place, and what to do.
Rule: a finding is data, never an exception, so one bad resource costs no other resource anything.
"""

from typing import Literal

import msgspec

from lateen.resources.model import Origin, ResourceKey

Severity = Literal["error", "warning", "info"]


class Finding(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One remark. `path` is the field as users write it (`spec.http[0].route[1].weight`), "" for the whole object."""

    code: str
    severity: Severity
    message: str
    resource: ResourceKey | None = None
    path: str = ""
    origin: Origin | None = None
    suggestion: str = ""

    def __str__(self) -> str:
        """Return the one line that a terminal shows; what users wrote cannot add lines or control a terminal."""
        where = [str(part) for part in (self.origin, self.resource) if part is not None]
        if self.path:
            where.append(self.path)
        text = ": ".join([*where, self.message])
        text = f"{text} ({self.suggestion})" if self.suggestion else text
        return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def has_errors(findings: tuple[Finding, ...]) -> bool:
    """Tell whether any of the findings refuses the object."""
    return any(finding.severity == "error" for finding in findings)
