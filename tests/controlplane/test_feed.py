"""Watch events as engine changes."""

from typing import Any

from lateen.controlplane.feed import OBJECT_FINDINGS, deleted, key_of, stored
from lateen.controlplane.findings import all_findings
from lateen.engine import Database
from lateen.mesh.meshconfig import outbound_mode
from lateen.resources.tables import RESOURCES


def service(version: str = "1", port: Any = 80) -> dict[str, Any]:
    meta = {"name": "web", "namespace": "shop", "resourceVersion": version}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"ports": [{"port": port}]}}


KEY = key_of(service())


def test_an_object_comes_and_goes() -> None:
    db = Database()
    db.apply(stored(service()))
    assert db.keys(RESOURCES) == (KEY,)
    db.apply(deleted({"kind": "Service", "metadata": {"name": "web", "namespace": "shop"}}))
    assert db.keys(RESOURCES) == ()


def test_an_update_that_changes_nothing_is_no_revision() -> None:
    db = Database()
    db.apply(stored(service("1")))

    assert not db.apply(stored(service("2")))


def test_an_object_that_does_not_decode_leaves_the_last_good_one_and_a_finding() -> None:
    db = Database()
    db.apply(stored(service()))
    db.apply(stored(service(port={"no": "number"})))
    good, findings = db.get(RESOURCES, KEY), db.get(OBJECT_FINDINGS, KEY)
    assert good is not None
    assert good.spec.ports[0].port == 80
    assert findings is not None
    assert [finding.severity for finding in findings] == ["error"]

    db.apply(stored(service(port=81)))
    assert db.get(OBJECT_FINDINGS, KEY) is None


def test_an_object_of_no_known_kind_is_a_finding() -> None:
    db = Database()
    raw = {"apiVersion": "x/v1", "kind": "Nothing", "metadata": {"name": "a"}}
    db.apply(stored(raw))

    assert (db.keys(RESOURCES), db.keys(OBJECT_FINDINGS)) == ((), (key_of(raw),))


def mesh_config(text: str) -> dict[str, Any]:
    meta = {"name": "istio", "namespace": "istio-system"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"mesh": text}}


def test_a_mesh_configuration_that_cannot_be_read_leaves_the_last_good_one() -> None:
    """A slip in it must not open a mesh that is closed by its configuration."""
    db = Database()
    db.apply(stored(mesh_config("outboundTrafficPolicy: {mode: REGISTRY_ONLY}")))
    for wrong in ("a: b: c", "outboundTrafficPolicy: {mode: [1]}", "- a list"):
        db.apply(stored(mesh_config(wrong)))
        assert outbound_mode(db) == "REGISTRY_ONLY"
        assert [finding.severity for finding in all_findings(db)] == ["error"]

    db.apply(stored(mesh_config("{}")))
    assert (outbound_mode(db), all_findings(db)) == ("ALLOW_ANY", ())


def test_the_injectors_values_that_cannot_be_read_are_a_finding() -> None:
    raw = mesh_config("") | {"data": {"values": "["}}
    raw["metadata"]["name"] = "istio-sidecar-injector"
    db = Database()
    db.apply(stored(raw))

    assert [finding.path for finding in all_findings(db)] == ["data.values"]
