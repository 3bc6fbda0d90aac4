"""How the tests of the rules ask: a kind and its spec in, what is said out."""

from typing import Any

from lateen.resources.decode import decode
from lateen.resources.kinds import kind_named
from lateen.resources.validate import validate


def said(kind: str, spec: dict[str, Any], **metadata: Any) -> list[tuple[str, str, str]]:
    """Return (severity, path, message) of each finding about an object, which must decode without any."""
    row = kind_named(kind)
    assert row is not None
    meta = {"name": "x", "namespace": "app", **metadata}
    decoded = decode({"apiVersion": row.api_version, "kind": kind, "metadata": meta, "spec": spec}, strict=True)
    assert decoded.findings == ()
    assert decoded.resource is not None
    return [(finding.severity, finding.path, finding.message) for finding in validate(decoded.resource)]


def errors(kind: str, spec: dict[str, Any], **metadata: Any) -> dict[str, str]:
    """Return messages of errors by path."""
    return {path: message for severity, path, message in said(kind, spec, **metadata) if severity == "error"}


def warnings(kind: str, spec: dict[str, Any], **metadata: Any) -> dict[str, str]:
    """Return messages of warnings by path."""
    return {path: message for severity, path, message in said(kind, spec, **metadata) if severity == "warning"}
