"""A small cluster in memory on which controllers act at once: what they decide is stored, and told as short lines."""

from __future__ import annotations

import itertools
from typing import Any

from lateen.localcluster.controllers.model import (
    Action,
    Bind,
    Change,
    Controller,
    Create,
    Delete,
    Key,
    Moment,
    Object,
    Report,
    Update,
    rfc3339,
)
from lateen.localcluster.controllers.owners import Owners, Where

START = 1_800_000_000.0


class World:
    """Implements `Snapshot`. `run(controller)` lets it work until it has nothing to do and returns what it did."""

    def __init__(self) -> None:
        self.now = START
        self.objects: dict[Where, Object] = {}
        self.owners = Owners()
        self.pending: list[Change] = []
        self.said: list[str] = []
        self.failure = ""
        self._numbers = itertools.count(1)

    # Snapshot

    def get(self, kind: str, namespace: str, name: str) -> Object | None:
        return self.objects.get((kind, namespace, name))

    def list(self, kind: str, namespace: str | None = None) -> list[Object]:
        found = [item for where, item in sorted(self.objects.items()) if where[0] == kind]
        return [item for item in found if namespace in (None, item["metadata"].get("namespace", ""))]

    def dependents(self, uid: str) -> tuple[Where, ...]:
        return self.owners.dependents(uid)

    def find(self, uid: str) -> Where | None:
        return self.owners.find(uid)

    def namespaced_kinds(self) -> tuple[str, ...]:
        return ("Pod", "ReplicaSet", "Deployment", "ConfigMap", "ServiceAccount", "Service")

    # Changing it

    def put(self, kind: str, obj: Object, *, quiet: bool = False) -> Object:
        """Stores an object; a new one gets uid, name and creation time."""
        number = next(self._numbers)
        meta = {"uid": f"uid-{number}", "creationTimestamp": rfc3339(self.now + number / 1000), **obj["metadata"]}
        if "name" not in meta:
            meta["name"] = f"{meta['generateName']}{number}"
        where = (kind, str(meta.get("namespace") or ""), str(meta["name"]))
        old = self.objects.get(where)
        if old is not None and old.get("spec") != obj.get("spec"):
            meta["generation"] = int(old["metadata"].get("generation") or 1) + 1
        stored = {**obj, "kind": kind.partition(".")[0], "metadata": meta}
        self.objects[where] = stored
        self._changed(kind, stored, old, quiet)
        return stored

    def remove(self, kind: str, namespace: str, name: str) -> None:
        old = self.objects.pop((kind, namespace, name), None)
        if old is not None:
            self._changed(kind, None, old, False)

    def _changed(self, kind: str, obj: Object | None, old: Object | None, quiet: bool) -> None:
        self.owners.changed(kind, obj, old)
        if not quiet:
            self.pending.append(Change(kind, obj, old))

    def delete(self, kind: str, namespace: str, name: str, policy: str = "") -> None:
        """As the API server does: finalizers keep an object, everything else goes at once."""
        obj = self.objects[kind, namespace, name]
        added = {"Foreground": ["foregroundDeletion"], "Orphan": ["orphan"]}.get(policy, [])
        finalizers = [*(obj["metadata"].get("finalizers") or []), *added]
        if not finalizers:
            return self.remove(kind, namespace, name)
        meta = {**obj["metadata"], "finalizers": finalizers, "deletionTimestamp": rfc3339(self.now)}
        self.put(kind, {**obj, "metadata": meta})
        return None

    # Controllers at work

    def run(self, *controllers: Controller) -> list[str]:
        """Every change wakes its keys, every key is reconciled, until nothing changes any more."""
        self.said = []
        for _ in range(200):
            changes, self.pending = self.pending, []
            if not changes:
                return self.said
            for controller in controllers:
                for key in self._keys(controller, changes):
                    self.reconcile(controller, key)
        raise AssertionError(f"the controllers never come to rest: {self.said[-10:]}")

    def _keys(self, controller: Controller, changes: list[Change]) -> list[Key]:
        keys: dict[Key, None] = {}
        for change in changes:
            if controller.kinds is None or change.kind in controller.kinds:
                keys.update(dict.fromkeys(controller.wakes(self, change)))
        return list(keys)

    def reconcile(self, controller: Controller, key: Key) -> float | None:
        """One look at one key; returns when the controller wants to look again."""
        outcome = controller.reconcile(Moment(self, self.now, self.failure), key)
        for action in outcome.actions:
            self._apply(action)
        return outcome.again_in

    def _apply(self, action: Action) -> None:
        if isinstance(action, Create):
            made = self.put(action.kind, action.obj)
            self.said.append(f"create {action.kind} {made['metadata']['name']}")
        elif isinstance(action, Update):
            self._update(action)
        elif isinstance(action, Delete):
            self.said.append(f"delete {action.kind} {action.name}" + (f" {action.policy}" if action.policy else ""))
            if (action.kind, action.namespace, action.name) in self.objects:
                self.delete(action.kind, action.namespace, action.name, action.policy)
        elif isinstance(action, Bind):
            pod = self.objects["Pod", action.namespace, action.name]
            self.put("Pod", {**pod, "spec": {**pod["spec"], "nodeName": action.node}})
            self.said.append(f"bind {action.name} {action.node}")
        elif isinstance(action, Report):
            self.said.append(f"{action.reason}: {action.text}")

    def _update(self, action: Update) -> None:
        meta = action.obj["metadata"]
        where = (action.kind, meta.get("namespace", ""), meta["name"])
        current = self.objects.get(where)
        if current is None:
            return
        if action.subresource == "status":
            self.put(action.kind, {**current, "status": action.obj.get("status")})
            return
        kept = {"status": current["status"]} if "status" in current else {}
        changed = {**action.obj, **kept}
        self.said.append(f"update {action.kind} {meta['name']} {action.subresource}".rstrip())
        if meta.get("deletionTimestamp") and not meta.get("finalizers"):
            self.remove(*where)
        else:
            self.put(action.kind, changed)


def ready(pod: Object, world: World, *, is_ready: bool = True, address: str = "") -> Object:
    """The pod as a node reports it."""
    condition = {"type": "Ready", "status": "True" if is_ready else "False", "lastTransitionTime": rfc3339(world.now)}
    status: Object = {**(pod.get("status") or {}), "phase": "Running", "conditions": [condition]}
    if address:
        status["podIP"] = address
    return {**pod, "status": status}


def all_ready(world: World) -> None:
    """Every pod becomes ready."""
    for pod in world.list("Pod"):
        if not (pod.get("status") or {}).get("conditions"):
            world.put("Pod", ready(pod, world))


def deployment(replicas: int = 3, image: str = "v1", **spec: Any) -> Object:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": image}]}}
    return {
        "metadata": {"name": "web", "namespace": "a", "generation": 1, "uid": "uid-web"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template, **spec},
    }
