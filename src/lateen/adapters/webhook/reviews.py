"""AdmissionReviews answered: injection and validation.

In: the bytes of a review. Out: the review with its response, as JSON-ready dictionary; `ReviewError` if the bytes are
no review. The rules: an object is data here, never code or configuration; every refusal says what to change; what is
not ours to judge is allowed.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from lateen.injection.annotations import InjectionError
from lateen.injection.inject import Injected, Settings, inject
from lateen.injection.webhook_path import variables
from lateen.mesh.unsupported import unsupported_fields
from lateen.resources.decode import decode
from lateen.resources.findings import Finding
from lateen.resources.shapes import DEEPEST, deeper_than
from lateen.resources.validate import validate

log = logging.getLogger(__name__)

JsonObject = Mapping[str, Any]
Validate = Callable[[JsonObject], Sequence[Finding]]

_VERSIONS = ("admission.k8s.io/v1", "admission.k8s.io/v1beta1")
# The API server passes at most so much of a warning on to users.
_LONGEST_WARNING = 250
_MOST_WARNINGS = 16


class ReviewError(ValueError):
    """The request's body is not an AdmissionReview; the message says what was expected."""


class _Request(msgspec.Struct):
    uid: str
    object: dict[str, Any] | None = None
    namespace: str = ""
    operation: str = ""


class _Review(msgspec.Struct):
    apiVersion: str  # noqa: N815 - the field's name on the wire
    kind: str
    request: _Request


def injection_review(body: bytes, path: str, settings: Settings) -> dict[str, Any]:
    """Answers a review of a pod. Raises `ReviewError`."""
    review = _decoded(body)
    pod = review.request.object
    if pod is None:
        return _refused(review, "the review has no object")
    namespace = str((pod.get("metadata") or {}).get("namespace") or review.request.namespace)
    try:
        outcome = inject(
            _without_managed_fields(pod), namespace, msgspec.structs.replace(settings, env=variables(path))
        )
    except InjectionError as error:
        log.warning("injection into a pod of %s refused: %s", namespace, error)
        return _refused(review, str(error))
    if not isinstance(outcome, Injected):
        log.info("pod of %s not injected: %s", namespace, outcome.reason)
        return _response(review, {"allowed": True})
    patch = base64.b64encode(json.dumps(outcome.patch).encode()).decode("ascii")
    return _response(review, {"allowed": True, "patchType": "JSONPatch", "patch": patch})


def validation_review(body: bytes, judge: Validate) -> dict[str, Any]:
    """Answers a review of a configuration object. Raises `ReviewError`."""
    review = _decoded(body)
    found = judge(review.request.object) if review.request.object is not None else ()
    errors = [_sentence(finding) for finding in found if finding.severity == "error"]
    if errors:
        return _refused(review, "; ".join(errors))
    warnings = [_sentence(finding)[:_LONGEST_WARNING] for finding in found if finding.severity == "warning"]
    return _response(review, {"allowed": True, **({"warnings": warnings[:_MOST_WARNINGS]} if warnings else {})})


def object_findings(given: JsonObject) -> tuple[Finding, ...]:
    """What there is to say about a configuration object by itself: shape, values, fields that have no effect yet."""
    decoded = decode(given)
    if decoded.resource is None:
        return decoded.findings
    return (*decoded.findings, *validate(decoded.resource), *unsupported_fields(decoded.resource))


def _decoded(body: bytes) -> _Review:
    try:
        review = msgspec.json.decode(body, type=_Review)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ReviewError(f"expected an AdmissionReview as JSON: {error}") from error
    if deeper_than(review.request.object, DEEPEST):
        raise ReviewError(f"the object is nested deeper than {DEEPEST} levels")
    if review.kind != "AdmissionReview" or review.apiVersion not in _VERSIONS:
        raise ReviewError(f"expected an AdmissionReview of {' or '.join(_VERSIONS)}")
    return review


def _without_managed_fields(pod: JsonObject) -> JsonObject:
    """`managedFields` can be very large and means nothing here."""
    metadata = pod.get("metadata")
    if not isinstance(metadata, dict) or "managedFields" not in metadata:
        return pod
    return {**pod, "metadata": {name: value for name, value in metadata.items() if name != "managedFields"}}


def _sentence(finding: Finding) -> str:
    where = f"{finding.path}: " if finding.path else ""
    hint = f" ({finding.suggestion})" if finding.suggestion else ""
    return f"{where}{finding.message}{hint}"


def _refused(review: _Review, message: str) -> dict[str, Any]:
    status = {"code": 400, "reason": "BadRequest", "status": "Failure", "message": message}
    return _response(review, {"allowed": False, "status": status})


def _response(review: _Review, response: dict[str, Any]) -> dict[str, Any]:
    answered = {"uid": review.request.uid, **response}
    return {"apiVersion": review.apiVersion, "kind": "AdmissionReview", "response": answered}
