"""What `-f` gives: objects with their places; IstioOperators are settings; what is no object is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from lateen.app.manifests import ManifestError, Manifests, read_manifests
from lateen.resources.model import Origin

OPERATOR = "apiVersion: install.istio.io/v1alpha1\nkind: IstioOperator\nspec: "


def read(tmp_path: Path, **files: str) -> Manifests:
    for name, text in files.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    return read_manifests([str(tmp_path)])


def test_a_directory_is_read_in_the_order_of_its_names(tmp_path: Path) -> None:
    config_map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\n"
    found = read(tmp_path, b=config_map % "b", a="---\n" + config_map % "a1" + "---\n" + config_map % "a2")

    assert [m.object["metadata"]["name"] for m in found.objects] == ["a1", "a2", "b"]
    assert found.objects[1].origin == Origin(filename=str(tmp_path / "a.yaml"), line=6)


def test_a_later_operator_goes_over_an_earlier_one_and_none_is_an_object(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        a=OPERATOR + "{profile: demo, meshConfig: {accessLogFile: '', trustDomain: a.example}}",
        b=OPERATOR + "{meshConfig: {trustDomain: b.example}}",
    )

    assert found.objects == ()
    assert found.operator == {"profile": "demo", "meshConfig": {"accessLogFile": "", "trustDomain": "b.example"}}
    assert found.operator_origin == Origin(filename=str(tmp_path / "b.yaml"), line=1)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("hello\n", "apiVersion"),
        ("apiVersion: v1\nmetadata: {name: a}\n", "kind"),
        ("apiVersion: v1\nkind: Service\n", "metadata.name"),
        (OPERATOR + "[1]\n", "spec"),
        ("kind: IstioOperator\nspec: {}\n", "apiVersion"),
    ],
)
def test_what_is_no_object_is_named_with_the_field_to_set(tmp_path: Path, text: str, path: str) -> None:
    (finding,) = read(tmp_path, a=text).findings

    assert (finding.path, finding.origin) == (path, Origin(filename=str(tmp_path / "a.yaml"), line=1))


def test_an_empty_directory_and_a_missing_path_are_named(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"no \.yaml, \.yml, \.json files in this directory"):
        read_manifests([str(tmp_path)])
    with pytest.raises(ManifestError, match="no such file or directory"):
        read_manifests([str(tmp_path / "nowhere")])
