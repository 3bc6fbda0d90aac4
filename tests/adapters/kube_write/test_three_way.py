"""What apply sends: last manifest, this manifest and live object in, patch out."""

from __future__ import annotations

from typing import Any

from lateen.adapters.kube_write.three_way import merge_patch


def test_nothing_is_sent_when_the_live_object_has_it_all_and_defaults_on_top() -> None:
    manifest = {"spec": {"replicas": 2, "template": {"containers": [{"name": "a", "image": "x"}]}}}
    live = {
        "spec": {
            "replicas": 2,
            "paused": False,
            "template": {"containers": [{"name": "a", "image": "x", "imagePullPolicy": "IfNotPresent"}]},
        }
    }

    assert merge_patch(manifest, manifest, live, strategic=True) == {}


def test_what_the_last_manifest_had_and_this_one_lacks_is_removed_and_what_others_set_stays() -> None:
    before = {"metadata": {"labels": {"a": "1", "b": "2"}}}
    now = {"metadata": {"labels": {"a": "1"}}}
    live = {"metadata": {"labels": {"a": "1", "b": "2", "by-somebody": "else"}}}

    assert merge_patch(before, now, live, strategic=True) == {"metadata": {"labels": {"b": None}}}


def test_list_items_are_matched_by_their_merge_key() -> None:
    before = {"containers": [{"name": "a", "image": "1"}, {"name": "old", "image": "1"}]}
    now = {"containers": [{"name": "a", "image": "2"}, {"name": "new", "image": "1"}]}
    live = {"containers": [{"name": "injected"}, {"name": "a", "image": "1", "tty": False}, {"name": "old"}]}

    assert merge_patch(before, now, live, strategic=True) == {
        "containers": [
            {"name": "a", "image": "2"},
            {"name": "new", "image": "1"},
            {"$patch": "delete", "name": "old"},
        ]
    }


def test_a_ca_bundle_that_somebody_patched_into_a_webhook_survives() -> None:
    manifest: dict[str, Any] = {"webhooks": [{"name": "w", "clientConfig": {"service": {"name": "istiod"}}}]}
    patched = {"service": {"name": "istiod", "port": 443}, "caBundle": "Q0E="}
    live = {"webhooks": [{"name": "w", "clientConfig": patched}]}

    assert merge_patch(manifest, manifest, live, strategic=True) == {}


def test_custom_kinds_get_whole_lists() -> None:
    now = {"spec": {"http": [{"route": [{"weight": 80}]}]}}
    live = {"spec": {"http": [{"route": [{"weight": 20}]}]}}

    assert merge_patch({}, now, live, strategic=False) == now


def test_service_ports_merge_by_port_and_container_ports_by_container_port() -> None:
    now = {"ports": [{"port": 80, "targetPort": 1}]}
    live = {"ports": [{"port": 80, "targetPort": 2, "protocol": "TCP"}, {"port": 81}]}

    assert merge_patch({}, now, live, strategic=True) == {"ports": [{"port": 80, "targetPort": 1}]}


def test_an_explicit_null_removes_and_a_missing_field_stays_missing() -> None:
    assert merge_patch({}, {"a": None, "b": None}, {"a": 1}, strategic=True) == {"a": None}
