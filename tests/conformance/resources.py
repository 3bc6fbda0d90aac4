"""A case's objects as the engine's inputs, through the product's own reader and decoder."""

import json
from collections.abc import Iterable
from typing import Any

from lateen.engine import Change, Set
from lateen.resources.decode import decode
from lateen.resources.model import Resource
from lateen.resources.tables import RESOURCES
from lateen.resources.yaml import load_all
from tests.conformance.scoring import MismatchError


def documents(text: str, name: str) -> list[dict[str, Any]]:
    """The documents of a file, empty ones left out."""
    return [document.value for document in load_all(text, name) if document.value]


def decoded(value: dict[str, Any]) -> Resource:
    """One object, typed. Raises MismatchError with the findings if it cannot be read."""
    result = decode(value)
    if result.resource is None:
        raise MismatchError(f"the input was refused: {[finding.message for finding in result.findings]}")
    return result.resource


def set_resources(resources: Iterable[Resource], mesh: dict[str, Any]) -> list[Change]:
    """Changes that set the resources, and the mesh config in its ConfigMap."""
    config_map = decoded(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "istio", "namespace": "istio-system"},
            "data": {"mesh": json.dumps(mesh)},
        }
    )
    return [Set(RESOURCES, resource.key, resource) for resource in (config_map, *resources)]
