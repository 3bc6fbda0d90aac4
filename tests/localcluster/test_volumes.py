"""Contents of volumes."""

from __future__ import annotations

from typing import Any

import pytest

from lateen.localcluster.env import MissingError
from lateen.localcluster.pods import Pod, PodError, read_pod
from lateen.localcluster.pods_fields import PodFacts
from lateen.localcluster.volumes import Content, TokenWanted, content_of, is_content, objects_of, tokens_of

FACTS = PodFacts("10.128.1.1", "10.128.255.2", "lateen")


class Objects:
    def get(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        found = {
            ("ConfigMap", "c"): {"data": {"a": "1", "b": "2"}, "binaryData": {"x": "AAE="}},
            ("Secret", "s"): {"data": {"k": "djE="}},
        }
        return found.get((kind, name))


def pod(volume: dict[str, Any]) -> Pod:
    meta = {"name": "p", "namespace": "n", "uid": "u", "labels": {"app": "web"}}
    return read_pod({"metadata": meta, "spec": {"volumes": [{"name": "v", **volume}]}})


def content(volume: dict[str, Any], tokens: dict[TokenWanted, str] | None = None) -> Content:
    made = pod(volume)
    return content_of(made, made.spec.volumes[0], FACTS, Objects(), tokens or {})


def files(volume: dict[str, Any], tokens: dict[TokenWanted, str] | None = None) -> dict[str, bytes]:
    return {path: file.data for path, file in content(volume, tokens).files}


def test_a_config_map_becomes_files() -> None:
    assert files({"configMap": {"name": "c"}}) == {"a": b"1", "b": b"2", "x": b"\0\1"}
    chosen = content(
        {"configMap": {"name": "c", "items": [{"key": "a", "path": "d/e", "mode": 0o400}], "defaultMode": 0o600}}
    )
    assert [(path, file.mode) for path, file in chosen.files] == [("d/e", 0o400)]


def test_a_projected_volume_joins_its_sources() -> None:
    sources = [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600, "audience": "istio-ca"}},
        {"configMap": {"name": "c", "items": [{"key": "a", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
        {"secret": {"name": "s"}},
    ]
    volume = {"projected": {"sources": sources}}
    wanted = TokenWanted("istio-ca", 3600)

    assert tokens_of(pod(volume).spec.volumes) == {wanted}
    assert files(volume, {wanted: "t0k"}) == {"token": b"t0k", "ca.crt": b"1", "labels": b'app="web"', "k": b"v1"}
    assert objects_of(pod(volume).spec.volumes[0]) == {("ConfigMap", "c"), ("Secret", "s")}


def test_a_token_lives_at_least_ten_minutes() -> None:
    volume = {"projected": {"sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 1}}]}}

    assert tokens_of(pod(volume).spec.volumes) == {TokenWanted("", 600)}


def test_what_is_missing_is_named_unless_it_is_optional() -> None:
    with pytest.raises(MissingError, match='secret "nope" not found'):
        content({"secret": {"secretName": "nope"}})
    with pytest.raises(MissingError, match="non-existent configmap key: zz"):
        content({"configMap": {"name": "c", "items": [{"key": "zz", "path": "zz"}]}})
    assert files({"secret": {"secretName": "nope", "optional": True}}) == {}


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "..data", "a/../../b", "."])
def test_a_file_never_leaves_its_volume(path: str) -> None:
    with pytest.raises(PodError, match="inside its volume"):
        content({"configMap": {"name": "c", "items": [{"key": "a", "path": path}]}})


def test_a_volume_without_a_source_is_empty() -> None:
    bare = pod({}).spec.volumes[0]

    assert bare.empty_dir is not None
    assert not is_content(bare)
