"""Objects, revisions, conflicts; what metadata the server owns; finalizers and deletion."""

from __future__ import annotations

from typing import Any

import pytest

from lateen.localcluster import store_rules
from lateen.localcluster.errors import ApiError
from lateen.localcluster.registry import KindInfo, builtin_kinds
from lateen.localcluster.selectors import parse
from lateen.localcluster.store import Record, Store
from lateen.localcluster.watchlog import Event, Scope, WatchLog

JSON = dict[str, Any]
KINDS = {info.kind: info for info in builtin_kinds()}
STAMP = store_rules.Stamp("2026-01-02T03:04:05Z", "uid-1", "abcde", lambda seconds: f"later by {seconds}")


def new(kind: str, **extra: Any) -> JSON:
    meta = {"name": "x", "namespace": "n", **extra.pop("metadata", {})}
    return {"apiVersion": "v1", "kind": kind, "metadata": meta, **extra}


def stored(kind: str, **extra: Any) -> JSON:
    obj = store_rules.created(new(kind, **extra), KINDS[kind], "n", STAMP)
    return {**obj, "metadata": {**obj["metadata"], "resourceVersion": "1"}}


@pytest.fixture
def rows() -> list[Record]:
    return []


@pytest.fixture
def store(rows: list[Record]) -> Store:
    return Store(rows.append)


# The store


def test_revisions_count_all_changes_of_all_kinds(store: Store, rows: list[Record]) -> None:
    first = store.create(KINDS["ConfigMap"], new("ConfigMap"))
    second = store.create(KINDS["Secret"], new("Secret"))

    assert (first["metadata"]["resourceVersion"], second["metadata"]["resourceVersion"]) == ("1", "2")
    assert [(row.revision, row.type, row.resource) for row in rows] == [
        (1, "ADDED", "configmaps"),
        (2, "ADDED", "secrets"),
    ]


def test_names_are_unique_per_kind_and_namespace(store: Store) -> None:
    store.create(KINDS["ConfigMap"], new("ConfigMap"))
    store.create(KINDS["ConfigMap"], new("ConfigMap", metadata={"namespace": "other"}))
    with pytest.raises(ApiError, match='configmaps "x" already exists'):
        store.create(KINDS["ConfigMap"], new("ConfigMap"))


def test_only_the_newest_revision_can_be_replaced(store: Store) -> None:
    info = KINDS["ConfigMap"]
    old = store.create(info, new("ConfigMap"))
    store.replace(info, {**old, "data": {"a": "b"}}, "1")
    with pytest.raises(ApiError, match="the object has been modified"):
        store.replace(info, {**old, "data": {"a": "c"}}, "1")


def test_a_replacement_that_changes_nothing_is_no_revision(store: Store) -> None:
    old = store.create(KINDS["ConfigMap"], new("ConfigMap"))
    assert store.replace(KINDS["ConfigMap"], dict(old), "1") is old
    assert store.revision == 1


def test_nothing_happens_when_it_cannot_be_persisted() -> None:
    def full(_row: Record) -> None:
        raise ApiError(507, "InsufficientStorage", "full")

    store, seen = Store(full), []
    store.subscribe(seen.append)
    with pytest.raises(ApiError):
        store.create(KINDS["ConfigMap"], new("ConfigMap"))
    assert (store.list("configmaps"), store.revision, seen) == ([], 0, [])


def test_lists_are_sorted_and_by_namespace(store: Store) -> None:
    for namespace, name in (("b", "1"), ("a", "2"), ("a", "1")):
        store.create(KINDS["ConfigMap"], new("ConfigMap", metadata={"namespace": namespace, "name": name}))

    keys = [(obj["metadata"]["namespace"], obj["metadata"]["name"]) for obj in store.list("configmaps")]
    assert keys == [("a", "1"), ("a", "2"), ("b", "1")]
    assert len(store.list("configmaps", "a")) == 2


def test_a_restored_store_tells_the_same_history(store: Store, rows: list[Record]) -> None:
    info = KINDS["ConfigMap"]
    old = store.create(info, new("ConfigMap"))
    changed = store.replace(info, {**old, "data": {"a": "b"}}, "1")
    store.remove(info, changed, "2")
    again = Store(lambda _row: None)
    again.restore(rows, 0, 0)

    assert again.log.since(0, 3) == store.log.since(0, 3)
    assert (again.list("configmaps"), again.revision) == ([], 3)


# The history


def event(revision: int, kind: str, labels: str, before: str | None = None) -> Event:
    def data(value: str) -> bytes:
        return b'{"metadata":{"name":"x","labels":{"a":"' + value.encode() + b'"}}}'

    return Event(revision, kind, "pods", "n", "x", data(labels), None if before is None else data(before))


@pytest.mark.parametrize(
    ("change", "seen_as"),
    [
        (event(1, "ADDED", "b"), "ADDED"),
        (event(1, "ADDED", "c"), None),
        (event(1, "MODIFIED", "b", "b"), "MODIFIED"),
        (event(1, "MODIFIED", "b", "c"), "ADDED"),
        (event(1, "MODIFIED", "c", "b"), "DELETED"),
        (event(1, "MODIFIED", "c", "c"), None),
        (event(1, "DELETED", "b", "b"), "DELETED"),
        (event(1, "DELETED", "c", "c"), None),
    ],
)
def test_a_selector_turns_changes_into_what_its_watcher_sees(change: Event, seen_as: str | None) -> None:
    assert Scope("pods", "", parse("a=b", "", "Pod")).translate(change) == seen_as


def test_other_kinds_and_namespaces_are_none_of_a_watchers_business() -> None:
    change = event(1, "ADDED", "b")
    assert Scope("pods", "n").translate(change) == "ADDED"
    assert Scope("pods", "m").translate(change) is None
    assert Scope("services").translate(change) is None
    assert Scope("pods", "", parse("", "metadata.name=y", "Pod")).translate(change) is None


def test_forgotten_history_is_gone_and_the_future_is_too_large() -> None:
    log = WatchLog(capacity=2)
    for revision in range(1, 5):
        log.append(event(revision, "ADDED", "b"))

    assert [item.revision for item in log.since(2, 4)] == [3, 4]
    with pytest.raises(ApiError) as gone:
        log.since(1, 4)
    with pytest.raises(ApiError) as ahead:
        log.since(5, 4)
    assert (gone.value.code, ahead.value.code) == (410, 504)


# What the server owns


def test_clients_cannot_set_what_the_server_owns() -> None:
    wanted = {"uid": "mine", "creationTimestamp": "1970", "generation": 9, "managedFields": [], "finalizers": ["a/b"]}
    meta = stored("Deployment", metadata=wanted, status={"replicas": 9})["metadata"]

    assert meta["uid"] == "uid-1"
    assert meta["creationTimestamp"] == STAMP.now
    assert meta["generation"] == 1
    assert "managedFields" not in meta
    assert meta["finalizers"] == ["a/b"]
    assert "status" not in stored("Deployment", status={"replicas": 9})


def test_generated_names() -> None:
    meta = stored("Pod", metadata={"name": "", "generateName": "web-"})["metadata"]
    assert meta["name"] == "web-abcde"


def test_status_and_the_rest_change_on_separate_paths() -> None:
    info, old = KINDS["Deployment"], stored("Deployment", spec={"replicas": 1})
    both = {**old, "spec": {"replicas": 2}, "status": {"replicas": 2}}

    main = store_rules.updated(old, both, info)
    status = store_rules.updated(old, both, info, "status")

    assert (main["spec"], main.get("status")) == ({"replicas": 2}, None)
    assert (status["spec"], status["status"]) == ({"replicas": 1}, {"replicas": 2})
    assert (main["metadata"]["generation"], status["metadata"]["generation"]) == (2, 1)


def test_labels_do_not_count_as_a_new_generation() -> None:
    old = stored("Deployment", spec={})
    labelled = {**old, "metadata": {**old["metadata"], "labels": {"a": "b"}}}
    assert store_rules.updated(old, labelled, KINDS["Deployment"])["metadata"]["generation"] == 1


def test_another_uid_means_another_object() -> None:
    old = stored("ConfigMap")
    other = {**old, "metadata": {**old["metadata"], "uid": "other"}}
    with pytest.raises(ApiError, match="UID in precondition: other, UID in object meta: uid-1"):
        store_rules.updated(old, other, KINDS["ConfigMap"])


# Deletion


def deleted(obj: JSON, options: JSON | None = None, info: KindInfo | None = None) -> store_rules.Doomed:
    return store_rules.deleted(obj, info or KINDS[obj["kind"]], options or {}, STAMP)


def test_an_object_without_finalizers_goes_at_once() -> None:
    assert deleted(stored("ConfigMap")).remove


def test_finalizers_hold_an_object() -> None:
    held = deleted(stored("ConfigMap", metadata={"finalizers": ["a/b"]}))
    assert not held.remove
    assert held.obj["metadata"]["deletionTimestamp"] == STAMP.now
    released = {
        **held.obj,
        "metadata": {key: value for key, value in held.obj["metadata"].items() if key != "finalizers"},
    }
    assert store_rules.finished(released, KINDS["ConfigMap"])


@pytest.mark.parametrize(
    ("options", "finalizers"),
    [
        ({"propagationPolicy": "Foreground"}, ["foregroundDeletion"]),
        ({"propagationPolicy": "Orphan"}, ["orphan"]),
        ({"orphanDependents": True}, ["orphan"]),
        ({"propagationPolicy": "Background"}, None),
    ],
)
def test_the_propagation_policy_becomes_a_finalizer(options: JSON, finalizers: list[str] | None) -> None:
    assert deleted(stored("Deployment"), options).obj["metadata"].get("finalizers") == finalizers


def test_preconditions_must_hold() -> None:
    with pytest.raises(ApiError, match="UID in precondition"):
        deleted(stored("ConfigMap"), {"preconditions": {"uid": "other"}})
    assert deleted(stored("ConfigMap"), {"preconditions": {"uid": "uid-1", "resourceVersion": "1"}}).remove


def test_a_pod_that_runs_somewhere_gets_grace_and_then_goes() -> None:
    pod = stored("Pod", spec={"nodeName": "a", "terminationGracePeriodSeconds": 9})
    doomed = deleted(pod)

    assert (doomed.remove, doomed.obj["metadata"]["deletionGracePeriodSeconds"]) == (False, 9)
    assert doomed.obj["metadata"]["deletionTimestamp"] == "later by 9"
    assert deleted(doomed.obj, {"gracePeriodSeconds": 0}).remove
    assert deleted(doomed.obj, {"gracePeriodSeconds": 100}).obj["metadata"]["deletionGracePeriodSeconds"] == 9
    assert deleted(stored("Pod", spec={})).remove


def test_a_namespace_stays_until_its_contents_are_gone() -> None:
    namespace = stored("Namespace", spec={"finalizers": ["kubernetes"]})
    doomed = deleted(namespace)

    assert (doomed.remove, doomed.obj["status"]["phase"]) == (False, "Terminating")
    emptied = store_rules.updated(
        doomed.obj, {**doomed.obj, "spec": {"finalizers": []}}, KINDS["Namespace"], "finalize"
    )
    assert store_rules.finished(emptied, KINDS["Namespace"])


def test_events_are_kept_for_an_hour_after_they_last_happened() -> None:
    noon = 1767355200.0
    times = {"old": "2026-01-02T10:59:00Z", "new": "2026-01-02T11:01:00Z"}
    events = [{"metadata": {"name": name}, "lastTimestamp": time} for name, time in times.items()]
    assert [event["metadata"]["name"] for event in store_rules.expired_events(events, noon)] == ["old"]
