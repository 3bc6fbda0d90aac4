"""From a plain object to a typed resource, or to findings that say why not.

In: an object as JSON or YAML gave it. Out: `Decoded`: the resource (None if it cannot be used) and findings with paths.
Rule: never an exception, whatever the object is. The fast path is one msgspec conversion; only an object that it
refuses is walked
field by field, to find all of its mistakes and what protobuf's JSON form forgives.
"""

import re
from typing import Any

import msgspec

from lateen.resources.findings import Finding, Severity
from lateen.resources.kinds import KINDS, Kind, kind_of, versions_of
from lateen.resources.model import Meta, Origin, Resource, ResourceKey
from lateen.resources.shapes import DEEPEST, Problem, deeper_than, describe, inspect_value, is_free_form

_CODES = {
    "unknown-field": "LTN0101",
    "wrong-type": "LTN0102",
    "missing-field": "LTN0103",
    "bad-value": "LTN0104",
}
_NO_OBJECT = "LTN0100"
_UNKNOWN_KIND = "LTN0105"
_BAD_NAME = "LTN0106"
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?\Z")
_LONGEST_NAME = 253


class Decoded(msgspec.Struct, frozen=True):
    """What came of an object. `resource` is None exactly if one of the findings is an error."""

    resource: Resource | None
    findings: tuple[Finding, ...] = ()


class Place(msgspec.Struct, frozen=True):
    """Whom findings are about: the key as far as it is known, and where the object was written."""

    key: ResourceKey | None = None
    origin: Origin | None = None
    strict: bool = False

    def finding(
        self, code: str, path: str, message: str, suggestion: str = "", severity: Severity = "error"
    ) -> Finding:
        """Return a finding at this place."""
        return Finding(
            code=code,
            severity=severity,
            message=message,
            resource=self.key,
            path=path,
            origin=self.origin,
            suggestion=suggestion,
        )

    def of_problem(self, problem: Problem) -> Finding:
        """Return the finding for a misshapen field; unknown fields are warnings unless decoding is strict."""
        mild = problem.sort == "unknown-field" and not self.strict
        severity: Severity = "warning" if mild else "error"
        return self.finding(_CODES[problem.sort], problem.path, problem.message, problem.suggestion, severity)


def decode(obj: Any, origin: Origin | None = None, *, strict: bool = False) -> Decoded:
    """Return the typed resource of an object, or the findings that refuse it.

        Unknown fields of Istio's kinds are warnings (errors if `strict`); unknown fields of Kubernetes' kinds are not
    looked
    at. A namespaced object without a namespace is taken to be in `default`.
    """
    nowhere = Place(None, origin, strict)
    if not isinstance(obj, dict):
        return Decoded(None, (nowhere.finding(_NO_OBJECT, "", f"must be a Kubernetes object, not {describe(obj)}"),))
    kind = _kind(obj)
    if kind is None:
        return Decoded(None, (_unknown_kind(obj, nowhere),))
    meta, findings = _meta(obj, kind, nowhere)
    if meta is None:
        return Decoded(None, findings)
    key = ResourceKey(kind.kind, meta.namespace, meta.name)
    place = Place(key, origin, strict)
    source, path = (obj, "") if kind.flat else (obj.get("spec"), "spec")
    spec, spec_findings = read_part(source, kind.spec_type, path, place)
    findings += spec_findings
    status = None
    if kind.status_type is not None:
        status, status_findings = read_part(obj.get("status"), kind.status_type, "status", place)
        findings += status_findings
    if any(finding.severity == "error" for finding in findings):
        return Decoded(None, findings)
    return Decoded(Resource(key, meta, spec, status), findings)


def _kind(obj: dict[Any, Any]) -> Kind | None:
    """Return the row of an object's apiVersion and kind."""
    api_version, kind = obj.get("apiVersion"), obj.get("kind")
    return kind_of(api_version, kind) if isinstance(api_version, str) and isinstance(kind, str) else None


def _unknown_kind(obj: dict[Any, Any], place: Place) -> Finding:
    """Say what is wrong with apiVersion and kind, as precisely as can be."""
    for field in ("kind", "apiVersion"):
        if not isinstance(obj.get(field), str) or not obj[field]:
            return place.finding(_NO_OBJECT, field, "is required and missing" if field not in obj else "must be text")
    api_version, kind = obj["apiVersion"], obj["kind"]
    served = versions_of(kind)
    if served:
        message = f"{kind} has no version {describe(api_version)}"
        return place.finding(_UNKNOWN_KIND, "apiVersion", message, f"write {served[0]}")
    alike = next((row.kind for row in KINDS if row.kind.lower() == kind.lower()), None)
    suggestion = f"did you mean {alike}?" if alike else ""
    message = f"{describe(kind)} of {describe(api_version)} is no kind that is known here"
    return place.finding(_UNKNOWN_KIND, "kind", message, suggestion)


def _meta(obj: dict[Any, Any], kind: Kind, place: Place) -> tuple[Meta | None, tuple[Finding, ...]]:
    """Return the metadata with its namespace settled; None with findings if it cannot be used."""
    meta, findings = read_part(obj.get("metadata"), Meta, "metadata", place)
    if meta is None:
        return None, findings
    namespace = (meta.namespace or "default") if kind.namespaced else ""
    if namespace != meta.namespace:
        meta = msgspec.structs.replace(meta, namespace=namespace)
    bad_name = _name_problem(meta)
    if bad_name:
        named = Place(ResourceKey(kind.kind, namespace, meta.name), place.origin, place.strict)
        return None, (*findings, named.finding(_BAD_NAME, "metadata.name", bad_name, "use a-z, 0-9, - and ."))
    return meta, findings


def _name_problem(meta: Meta) -> str:
    """Return what is wrong with a name, "" if nothing is."""
    if not meta.name:
        return "" if meta.generate_name else "is required and missing"
    if len(meta.name) > _LONGEST_NAME:
        return f"is {len(meta.name)} characters long; 253 are allowed"
    # Names of roles and the like may hold colons; those kinds are not read here.
    return "" if _NAME.match(meta.name) else f"{describe(meta.name)} is no valid name"


def read_part(value: Any, struct: type[Any], path: str, place: Place) -> tuple[Any, tuple[Finding, ...]]:
    """Return one part of an object as its struct, with findings; None if it cannot be used. Null counts as empty."""
    value = {} if value is None else value
    if is_free_form(struct) and deeper_than(value, DEEPEST):
        return None, (place.of_problem(Problem("bad-value", path, "is nested too deeply", "100 levels are allowed")),)
    try:
        return msgspec.convert(value, struct), ()
    except msgspec.ValidationError:
        canonical, problems = inspect_value(value, struct, path)
    findings = tuple(place.of_problem(problem) for problem in problems)
    if any(problem.sort != "unknown-field" for problem in problems):
        return None, findings
    return msgspec.convert(canonical, struct), findings
