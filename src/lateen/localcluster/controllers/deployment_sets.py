"""The ReplicaSets of a Deployment: which one carries the current template, which are older, and how a new one looks.

In: a Deployment and the ReplicaSets of its namespace. Out: `Sets`, and ReplicaSets to create or to bring up to date.
Rules: the name of a ReplicaSet follows from the template, so a repeated attempt never makes a second one; revisions
only grow, and going back to an old template gives that old ReplicaSet the newest revision.
https://kubernetes.io/docs/concepts/workloads/controllers/deployment/
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lateen.localcluster.controllers.deployment_rolling import bounds
from lateen.localcluster.controllers.model import Object, Snapshot, controller_of, owner_reference, uid_of
from lateen.localcluster.label_match import label_selector

__all__ = [
    "DESIRED",
    "HASH_LABEL",
    "REVISION",
    "Sets",
    "available",
    "new_set",
    "replicas",
    "revision_of",
    "sets_of",
    "synced_annotations",
    "template_hash",
    "total",
    "with_replicas",
]

HASH_LABEL = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
DESIRED = "deployment.kubernetes.io/desired-replicas"
MAXIMUM = "deployment.kubernetes.io/max-replicas"
_HISTORY = "deployment.kubernetes.io/revision-history"
_NOT_COPIED = frozenset({"kubectl.kubernetes.io/last-applied-configuration", REVISION, DESIRED, MAXIMUM, _HISTORY})
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"  # no vowels and look-alikes: names stay harmless words


@dataclass(frozen=True, slots=True)
class Sets:
    """`new` carries the current template (None if it does not exist yet); `old` are the others, oldest first."""

    new: Object | None
    old: tuple[Object, ...]
    orphans: tuple[Object, ...] = ()

    @property
    def everything(self) -> tuple[Object, ...]:
        return (*self.old, self.new) if self.new is not None else self.old


def sets_of(view: Snapshot, deployment: Object) -> Sets:
    """The Deployment's ReplicaSets; `orphans` match its selector and belong to nobody: they are to be adopted."""
    meta = deployment["metadata"]
    owned: list[Object] = []
    orphans: list[Object] = []
    for replica_set in view.list("ReplicaSet", meta["namespace"]):
        owner = controller_of(replica_set)
        if owner is not None and owner.get("uid") == uid_of(deployment):
            owned.append(replica_set)
        elif owner is None and label_selector(
            deployment["spec"].get("selector"), replica_set["metadata"].get("labels") or {}
        ):
            orphans.append(replica_set)
    owned.sort(key=lambda item: (str(item["metadata"].get("creationTimestamp")), item["metadata"]["name"]))
    wanted = _bare_template(deployment)
    new = next((item for item in owned if _bare_template(item) == wanted), None)
    if new is None:
        name = _name(deployment)
        new = next((item for item in owned if item["metadata"]["name"] == name), None)
    return Sets(new, tuple(item for item in owned if item is not new), tuple(orphans))


def template_hash(deployment: Mapping[str, Any]) -> str:
    """The label value that tells this template's pods from others: ten letters and digits."""
    collisions = int((deployment.get("status") or {}).get("collisionCount") or 0)
    text = json.dumps([_bare_template(deployment), collisions], sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).digest()
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:10])


def new_set(deployment: Object, sets: Sets, count: int) -> Object:
    """The ReplicaSet for the current template, to be created with `count` replicas."""
    meta, spec = deployment["metadata"], deployment["spec"]
    suffix = template_hash(deployment)
    template = spec.get("template") or {}
    labels = {**((template.get("metadata") or {}).get("labels") or {}), HASH_LABEL: suffix}
    selector = spec.get("selector") or {}
    set_selector = {**selector, "matchLabels": {**(selector.get("matchLabels") or {}), HASH_LABEL: suffix}}
    made: Object = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": _name(deployment),
            "namespace": meta["namespace"],
            "labels": labels,
            "ownerReferences": [owner_reference("apps/v1", "Deployment", deployment)],
        },
        "spec": {
            "replicas": count,
            "selector": set_selector,
            "template": {**template, "metadata": {**(template.get("metadata") or {}), "labels": labels}},
        },
    }
    if spec.get("minReadySeconds"):
        made["spec"]["minReadySeconds"] = spec["minReadySeconds"]
    annotations = synced_annotations(deployment, {}, _next_revision(sets.old))
    return {**made, "metadata": {**made["metadata"], "annotations": annotations}}


def synced_annotations(deployment: Object, existing: Mapping[str, str], revision: int) -> dict[str, str]:
    """A ReplicaSet's annotations: the Deployment's own, the revision, and the numbers of replicas aimed at."""
    own = deployment["metadata"].get("annotations") or {}
    copied = {key: value for key, value in own.items() if key not in _NOT_COPIED}
    wanted = replicas(deployment)
    limits = {DESIRED: str(wanted), MAXIMUM: str(wanted + _surge(deployment, wanted))}
    return {**existing, **copied, **limits, REVISION: str(revision)}


def revision_of(obj: Mapping[str, Any]) -> int:
    text = (obj["metadata"].get("annotations") or {}).get(REVISION, "")
    return int(text) if text.isdecimal() else 0


def current_revision(sets: Sets) -> int:
    """The revision that the new ReplicaSet has or is to get."""
    newest_old = max((revision_of(item) for item in sets.old), default=0)
    own = revision_of(sets.new) if sets.new is not None else 0
    return own if own > newest_old else newest_old + 1


def replicas(obj: Mapping[str, Any]) -> int:
    """`spec.replicas`, by default 1."""
    count = obj["spec"].get("replicas")
    return 1 if count is None else int(count)


def total(sets: Sequence[Object]) -> int:
    return sum(replicas(item) for item in sets)


def available(sets: Sequence[Object]) -> int:
    return sum(int((item.get("status") or {}).get("availableReplicas") or 0) for item in sets)


def with_replicas(replica_set: Object, deployment: Object, count: int) -> Object:
    """The ReplicaSet scaled to `count`."""
    meta = replica_set["metadata"]
    annotations = synced_annotations(deployment, meta.get("annotations") or {}, revision_of(replica_set))
    return {
        **replica_set,
        "metadata": {**meta, "annotations": annotations},
        "spec": {**replica_set["spec"], "replicas": count},
    }


def _next_revision(old: Sequence[Object]) -> int:
    return max((revision_of(item) for item in old), default=0) + 1


def _surge(deployment: Object, wanted: int) -> int:
    return bounds(deployment).surge if wanted else 0


def _name(deployment: Mapping[str, Any]) -> str:
    return f"{deployment['metadata']['name']}-{template_hash(deployment)}"


def _bare_template(owner: Mapping[str, Any]) -> Object:
    """The pod template without the label that tells templates apart."""
    template = owner["spec"].get("template") or {}
    meta = {key: value for key, value in (template.get("metadata") or {}).items() if value}
    labels = {key: value for key, value in (meta.get("labels") or {}).items() if key != HASH_LABEL}
    return {**template, "metadata": {**meta, "labels": labels}}
