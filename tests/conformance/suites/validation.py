"""Suites `validation-tables` and `validation-crds`: is this object accepted?

Each object goes through the product's strict decoding and its rules, as at the webhook. What is scored is
acceptance; texts and warnings are not.
"""

from typing import Any

from lateen.resources.decode import decode
from lateen.resources.findings import Finding, has_errors
from lateen.resources.validate import validate
from lateen.resources.yaml import load_one
from tests.conformance.corpus import Case, Suite
from tests.conformance.scoring import MismatchError


def _findings(obj: Any) -> tuple[Finding, ...]:
    decoded = decode(obj, strict=True)
    return decoded.findings + (validate(decoded.resource) if decoded.resource is not None else ())


def _require(case: Case, findings: tuple[Finding, ...]) -> None:
    if has_errors(findings) == case["valid"]:
        said = "; ".join(str(finding) for finding in findings) or "nothing to say"
        raise MismatchError(f"expected {'acceptance' if case['valid'] else 'refusal'}, got: {said}")


def compare_table(_suite: Suite, case: Case) -> None:
    """Raise MismatchError unless the object of the case's metadata and spec is accepted exactly if it is valid."""
    obj = {"apiVersion": case["api_version"], "kind": case["kind"], "metadata": case["metadata"], "spec": case["spec"]}
    _require(case, _findings(obj))


def compare_document(suite: Suite, case: Case) -> None:
    """Raise MismatchError unless the document of the case is accepted exactly if it is valid."""
    document = load_one(suite.text(case["input"]), case["input"])
    obj = dict(document.value or {})
    obj.pop("_err", None)
    _require(case, document.findings + _findings(obj))
