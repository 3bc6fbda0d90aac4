"""Namespaces: what each one has from the start, and how one goes away with everything in it.

In: a Namespace and its contents. Out: its default service account and the cluster's CA certificate; or, when it is
being deleted, the deletion of all contents and, once nothing is left, of its own finalizer.
https://kubernetes.io/docs/tasks/administer-cluster/namespaces/#deleting-a-namespace
"""

from __future__ import annotations

from collections.abc import Iterator

from lateen.localcluster.controllers.model import (
    Action,
    Change,
    Controller,
    Create,
    Delete,
    Key,
    Moment,
    Object,
    Outcome,
    Snapshot,
    Update,
    uid_of,
)

__all__ = ["namespace_controller"]

ROOT_CA = "kube-root-ca.crt"
_DESCRIPTION = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the "
    "internal service IP or kubernetes.default.svc."
)


def namespace_controller(ca_pem: str) -> Controller:
    """The controller; `ca_pem` is the CA certificate that clients of the API server trust."""

    def reconcile(moment: Moment, key: Key) -> Outcome:
        namespace = moment.view.get("Namespace", "", key[1])
        if namespace is None:
            return Outcome()
        if namespace["metadata"].get("deletionTimestamp"):
            return Outcome(tuple(_empty(moment.view, namespace)))
        return Outcome(tuple(_furnish(moment.view, key[1], ca_pem)))

    return Controller("namespace-controller", None, wakes, reconcile)


def wakes(view: Snapshot, change: Change) -> Iterator[Key]:
    """A Namespace wakes itself, and so does what is gone from one; of its furniture also every other change."""
    meta = change.any["metadata"]
    if change.kind == "Namespace":
        yield "", meta["name"]
        return
    name = meta.get("namespace")
    if not name:
        return
    furniture = (change.kind, meta["name"]) in (("ServiceAccount", "default"), ("ConfigMap", ROOT_CA))
    if furniture and change.old is not None:
        yield "", name
    elif change.obj is None or change.old is None:
        namespace = view.get("Namespace", "", name)
        if namespace is not None and namespace["metadata"].get("deletionTimestamp"):
            yield "", name


def _furnish(view: Snapshot, namespace: str, ca_pem: str) -> Iterator[Action]:
    if view.get("ServiceAccount", namespace, "default") is None:
        meta = {"name": "default", "namespace": namespace}
        yield Create("ServiceAccount", {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})
    data = {"ca.crt": ca_pem}
    found = view.get("ConfigMap", namespace, ROOT_CA)
    if found is None:
        meta = {"name": ROOT_CA, "namespace": namespace}
        annotated = {**meta, "annotations": {"kubernetes.io/description": _DESCRIPTION}}
        yield Create("ConfigMap", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": annotated, "data": data})
    elif found.get("data") != data:
        yield Update("ConfigMap", {**found, "data": data})


def _empty(view: Snapshot, namespace: Object) -> Iterator[Action]:
    name, left = namespace["metadata"]["name"], 0
    for kind in view.namespaced_kinds():
        for obj in view.list(kind, name):
            left += 1
            if not obj["metadata"].get("deletionTimestamp"):
                yield Delete(kind, name, obj["metadata"]["name"], uid_of(obj), "Background")
    finalizers = (namespace.get("spec") or {}).get("finalizers") or []
    if not left and "kubernetes" in finalizers:
        others = [finalizer for finalizer in finalizers if finalizer != "kubernetes"]
        yield Update("Namespace", {**namespace, "spec": {**namespace["spec"], "finalizers": others}}, "finalize")
