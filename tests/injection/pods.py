"""Pods and settings for the tests of injection."""

from __future__ import annotations

import copy
from typing import Any

from lateen.injection.inject import Injected, Settings, inject, settings_of

HUB = {"global": {"hub": "lateen.dev", "tag": "1.0"}}


def settings(values: dict[str, Any] | None = None, mesh: dict[str, Any] | None = None, **rest: Any) -> Settings:
    """Settings over a small installation."""
    return settings_of({**HUB, **(values or {})}, mesh or {}, **rest)


def pod(container: dict[str, Any] | None = None, **meta: Any) -> dict[str, Any]:
    """A pod of Deployment `web` as the API server hands it over; `meta` replaces labels or annotations."""
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-5d9", "controller": True, "uid": "u"}
    metadata = {
        "generateName": "web-5d9-",
        "namespace": "shop",
        "labels": {"app": "web", "pod-template-hash": "5d9"},
        "ownerReferences": [owner],
    }
    app = {"name": "app", "image": "app:1", "ports": [{"name": "http", "containerPort": 8080}]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata | meta,
        "spec": {"containers": [app | (container or {})]},
    }


def injected(given: dict[str, Any], chosen: Settings | None = None) -> dict[str, Any]:
    """The pod after injection."""
    outcome = inject(given, "shop", chosen or settings())
    assert isinstance(outcome, Injected)
    return dict(outcome.pod)


def container(given: dict[str, Any], name: str) -> dict[str, Any]:
    """A container or init container by its name."""
    spec = given["spec"]
    found = {c["name"]: c for c in [*spec.get("initContainers", []), *spec["containers"]]}
    return dict(found[name])


def env(given: dict[str, Any], name: str) -> Any:
    """A variable of the proxy."""
    return next((e.get("value") for e in container(given, "istio-proxy")["env"] if e["name"] == name), None)


def apply_patch(document: Any, operations: list[dict[str, Any]]) -> Any:
    """The document after a JSON patch of the kind that injection makes."""
    result = copy.deepcopy(document)
    for operation in operations:
        *parents, last = [p.replace("~1", "/").replace("~0", "~") for p in operation["path"].split("/")[1:]]
        place = result
        for name in parents:
            place = place[name]
        if operation["op"] == "remove":
            del place[last]
        else:
            place[last] = operation["value"]
    return result
