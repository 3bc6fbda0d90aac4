"""Where the mesh's roots are missing."""

import base64
from typing import Any

from lateen.controlplane.feed import stored
from lateen.desired.trust import (
    PEM,
    ROOTS,
    namespaces_without_root,
    root_config_map,
    webhooks_without_bundle,
)
from lateen.engine import Database, Set

BUNDLE = base64.b64encode(b"new").decode()


def cluster(*objects: dict[str, Any]) -> Database:
    db = Database()
    db.apply([Set(ROOTS, PEM, "new"), *(change for raw in objects for change in stored(raw))])
    return db


def namespace(name: str, **meta: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, **meta}}


def injector(*webhooks: tuple[str, str, str]) -> dict[str, Any]:
    """Webhooks as (name, service's namespace, bundle)."""
    entries = [
        {"name": name, "clientConfig": {"service": {"namespace": place, "name": "istiod"}, "caBundle": bundle}}
        for name, place, bundle in webhooks
    ]
    head = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration"}
    return {**head, "metadata": {"name": "injector"}, "webhooks": entries}


def test_namespaces_without_the_root_or_with_another_one() -> None:
    db = cluster(
        *(namespace(name) for name in ("absent", "old", "present", "kube-system")),
        namespace("going", deletionTimestamp="2026-01-01T00:00:00Z"),
        root_config_map("present", "new"),
        root_config_map("old", "old"),
    )

    assert namespaces_without_root(db) == ("absent", "old")


def test_nothing_is_wanted_before_there_is_a_root() -> None:
    db = Database()
    db.apply([*stored(namespace("a")), *stored(injector(("x", "istio-system", "")))])

    assert (namespaces_without_root(db), webhooks_without_bundle(db)) == ((), ())


def test_only_our_own_webhooks_that_lack_the_bundle() -> None:
    db = cluster(injector(("a", "istio-system", "b2xk"), ("b", "elsewhere", ""), ("c", "istio-system", BUNDLE)))
    (patch,) = webhooks_without_bundle(db)

    assert (patch.kind, patch.name, patch.entries) == ("MutatingWebhookConfiguration", "injector", ((0, "a"),))
    assert patch.operations() == [
        {"op": "test", "path": "/webhooks/0/name", "value": "a"},
        {"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": BUNDLE},
    ]


def test_a_validator_that_can_answer_fails_closed() -> None:
    raw = injector(("a", "istio-system", BUNDLE)) | {"kind": "ValidatingWebhookConfiguration"}
    (patch,) = webhooks_without_bundle(cluster(raw))
    assert {"op": "add", "path": "/webhooks/0/failurePolicy", "value": "Fail"} in patch.operations()

    raw["webhooks"][0]["failurePolicy"] = "Fail"
    assert webhooks_without_bundle(cluster(raw)) == ()
