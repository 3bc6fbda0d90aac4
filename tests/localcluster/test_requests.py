"""What a path and a method ask for."""

from __future__ import annotations

import pytest

from lateen.localcluster.errors import ApiError
from lateen.localcluster.requests import parse


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/api/v1/pods", ("list", "", "v1", "pods", "", "", "")),
        ("GET", "/api/v1/namespaces/n/pods/p", ("get", "", "v1", "pods", "n", "p", "")),
        ("GET", "/api/v1/namespaces/n/pods/p/log", ("get", "", "v1", "pods", "n", "p", "log")),
        ("GET", "/api/v1/namespaces/n", ("get", "", "v1", "namespaces", "n", "n", "")),
        ("PUT", "/api/v1/namespaces/n/finalize", ("update", "", "v1", "namespaces", "n", "n", "finalize")),
        ("POST", "/apis/apps/v1/namespaces/n/deployments", ("create", "apps", "v1", "deployments", "n", "", "")),
        ("DELETE", "/apis/apps/v1/namespaces/n/deployments",
         ("deletecollection", "apps", "v1", "deployments", "n", "", "")),
        ("DELETE", "/apis/apps/v1/namespaces/n/deployments/d", ("delete", "apps", "v1", "deployments", "n", "d", "")),
        ("PATCH", "/api/v1/nodes/x/status", ("patch", "", "v1", "nodes", "", "x", "status")),
    ],
)  # fmt: skip
def test_resources(method: str, path: str, expected: tuple[str, ...]) -> None:
    found = parse(method, path, {})
    fields = (found.verb, found.group, found.version, found.plural, found.namespace, found.name, found.subresource)
    assert found.is_resource
    assert fields == expected


def test_a_list_with_watch_is_a_watch() -> None:
    assert parse("GET", "/api/v1/pods", {"watch": "true"}).verb == "watch"


@pytest.mark.parametrize("path", ["/version", "/apis", "/apis/apps/v1", "/api/v1", "/openapi/v3/apis/apps/v1"])
def test_other_paths_are_no_resources(path: str) -> None:
    assert parse("GET", path, {}) == parse("GET", path + "/", {})
    assert not parse("GET", path, {}).is_resource


@pytest.mark.parametrize(
    "path",
    ["/api/v1/a/../b", "/api/v1/%2e%2e/b", "/api//v1", "/api/v1/a%2fb", "/api/v1/%00", "/api/v1/%ff", "/a/%252e"],
)
def test_G59_paths_that_could_be_read_in_two_ways(path: str) -> None:
    with pytest.raises(ApiError) as refused:
        parse("GET", path, {})
    assert refused.value.code == 400


def test_an_unknown_method() -> None:
    with pytest.raises(ApiError) as refused:
        parse("BREW", "/api/v1/pods", {})
    assert refused.value.code == 405
