"""Variables of containers."""

from __future__ import annotations

from typing import Any

import pytest

from lateen.localcluster.env import MissingError, environment, expand, service_variables
from lateen.localcluster.pods import PodError, read_pod
from lateen.localcluster.pods_fields import PodFacts

FACTS = PodFacts("10.128.1.1", "10.128.255.2", "lateen", cores=2, memory=8 << 30)


class Objects:
    def __init__(self, **objects: dict[str, Any]) -> None:
        self._objects = objects

    def get(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        return self._objects.get(f"{kind}_{name}")


OBJECTS = Objects(
    ConfigMap_c={"data": {"a": "1", "b": "2"}},
    Secret_s={"data": {"p": "aHVudGVyMg==", "broken": "%"}},
)


def variables(container: dict[str, Any], lookup: Objects = OBJECTS, **meta: Any) -> dict[str, str]:
    raw = {
        "metadata": {"name": "p", "namespace": "n", "uid": "u", **meta},
        "spec": {"containers": [{"name": "main", **container}]},
    }
    pod = read_pod(raw)
    return environment(pod, pod.spec.containers[0], FACTS, lookup)


def env(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"env": list(rows)}


def test_earlier_variables_are_expanded_and_dollars_escaped() -> None:
    found = variables(env({"name": "A", "value": "x"}, {"name": "B", "value": "$(A)-$$(A)-$(NOPE)-$A"}))

    assert found["B"] == "x-$(A)-$(NOPE)-$A"
    assert expand("$$$(A)", {"A": "1"}) == "$1"


def test_fields_of_the_pod() -> None:
    rows = {
        "metadata.name": "p",
        "status.podIP": "10.128.1.1",
        "spec.nodeName": "lateen",
        "metadata.labels['app']": "web",
        "metadata.annotations['no']": "",
        "metadata.labels": 'app="web"',
    }
    for path, wanted in rows.items():
        found = variables(env({"name": "X", "valueFrom": {"fieldRef": {"fieldPath": path}}}), labels={"app": "web"})

        assert found["X"] == wanted, path
    with pytest.raises(PodError, match=r"status\.nothing"):
        variables(env({"name": "X", "valueFrom": {"fieldRef": {"fieldPath": "status.nothing"}}}))


def test_resources_are_divided_and_rounded_up() -> None:
    limits = {"resources": {"limits": {"cpu": "1500m", "memory": "64Mi"}}}
    for resource, divisor, wanted in (
        ("limits.cpu", "1", "2"),
        ("limits.cpu", "1m", "1500"),
        ("limits.memory", "1Mi", "64"),
        ("requests.cpu", "1", "2"),
    ):
        source = {"resourceFieldRef": {"resource": resource, "divisor": divisor}}
        assert variables({**env({"name": "X", "valueFrom": source}), **limits})["X"] == wanted, (resource, divisor)
    without = variables(env({"name": "X", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}}))
    assert without["X"] == "2", "without a limit it is what the machine has"


def test_config_maps_and_secrets_by_key_and_whole() -> None:
    found = variables(
        {
            "envFrom": [
                {"prefix": "P_", "configMapRef": {"name": "c"}},
                {"secretRef": {"name": "none", "optional": True}},
            ],
            **env(
                {"name": "PASS", "valueFrom": {"secretKeyRef": {"name": "s", "key": "p"}}},
                {"name": "P_a", "value": "own"},
                {"name": "GONE", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "zz", "optional": True}}},
            ),
        }
    )

    assert found == {"P_a": "own", "P_b": "2", "PASS": "hunter2"}


def test_what_is_missing_is_named() -> None:
    for source, message in (
        ({"configMapKeyRef": {"name": "nope", "key": "a"}}, 'configmap "nope" not found'),
        ({"secretKeyRef": {"name": "s", "key": "zz"}}, "couldn't find key zz in Secret n/s"),
    ):
        with pytest.raises(MissingError) as caught:
            variables(env({"name": "X", "valueFrom": source}))

        assert str(caught.value) == message


def test_hostile_names_and_values_do_not_reach_the_container() -> None:
    objects = Objects(ConfigMap_c={"data": {"with space": "1", "a=b": "2", "ok": "3"}})

    assert variables({"envFrom": [{"configMapRef": {"name": "c"}}]}, objects) == {"ok": "3"}
    assert variables(env({"name": "X", "value": "a\0b"})) == {}


def test_variables_of_services() -> None:
    service = {
        "metadata": {"name": "my-db"},
        "spec": {"clusterIP": "10.129.0.9", "ports": [{"name": "sql", "port": 5432, "protocol": "TCP"}]},
    }
    found = dict(service_variables([service, {"metadata": {"name": "h"}, "spec": {"clusterIP": "None"}}]))

    assert found["MY_DB_SERVICE_HOST"] == "10.129.0.9"
    assert found["MY_DB_SERVICE_PORT_SQL"] == "5432"
    assert found["MY_DB_PORT_5432_TCP"] == "tcp://10.129.0.9:5432"
