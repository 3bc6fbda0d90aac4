"""What a rule says, before it is known about which object.

In: a path and words. Out: `Remark`, which `validate` turns into a finding. Rule: rules are generators of remarks over
one value and its
path, so that they compose with `yield from` and never stop at the first mistake.
"""

from collections.abc import Iterator

import msgspec

from lateen.resources.findings import Severity


class Remark(msgspec.Struct, frozen=True, gc=False):
    """One remark about the field at `path`."""

    path: str
    message: str
    suggestion: str = ""
    severity: Severity = "error"


Remarks = Iterator[Remark]


def error(path: str, message: str, suggestion: str = "") -> Remark:
    """Return a remark that refuses the object."""
    return Remark(path, message, suggestion)


def warning(path: str, message: str, suggestion: str = "") -> Remark:
    """Return a remark that lets the object pass."""
    return Remark(path, message, suggestion, "warning")
