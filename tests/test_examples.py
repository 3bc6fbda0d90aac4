"""The manifests that come with the project are beyond reproach."""

from pathlib import Path

import pytest

from lateen.resources.decode import decode
from lateen.resources.model import Origin
from lateen.resources.validate import validate
from lateen.resources.yaml import load_all

ROOT = Path(__file__).parents[1]
FILES = sorted([*ROOT.glob("examples/**/*.yaml"), *ROOT.glob("bench/manifests/*.yaml")])


@pytest.mark.parametrize("file", FILES, ids=[str(file.relative_to(ROOT)) for file in FILES])
def test_nothing_is_said_about(file: Path) -> None:
    """Strict decoding and all rules have no finding, not even a warning."""
    said = []
    for document in load_all(file.read_text(), file.name):
        decoded = decode(document.value, Origin(file.name, document.line), strict=True)
        said += [*document.findings, *decoded.findings]
        said += validate(decoded.resource) if decoded.resource is not None else ()

    assert [str(finding) for finding in said] == []


def test_the_example_has_what_its_readme_says() -> None:
    """Four services, three versions of one."""
    documents = load_all((ROOT / "examples/bookinfo/1-workloads.yaml").read_text(), "1-workloads.yaml")
    names = [(document.value["kind"], document.value["metadata"]["name"]) for document in documents]

    assert sum(kind == "Service" for kind, _ in names) == 4
    assert [name for kind, name in names if kind == "Deployment" and name.startswith("reviews")] == [
        "reviews-v1",
        "reviews-v2",
        "reviews-v3",
    ]
