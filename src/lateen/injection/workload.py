"""Which workload a pod belongs to, from the pod alone.

In: a pod's metadata. Out: `Workload`. The heuristics (a ReplicaSet's name without the template hash is its
Deployment's, a Job's name without the timestamp its CronJob's) are Istio's: its metrics and dashboards group by these
names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

_CRON_JOB = re.compile(r"(.+)-\d{8,10}\Z")


class Workload(msgspec.Struct, frozen=True):
    """A workload's name and kind, e.g. `web`, `apps/v1`, `Deployment`."""

    name: str
    namespace: str
    api_version: str = "v1"
    kind: str = "Pod"

    @property
    def owner(self) -> str:
        """The URI form that proxies report."""
        place = self.namespace or "default"
        return f"kubernetes://apis/{self.api_version}/namespaces/{place}/{self.kind.lower()}s/{self.name}"


def workload_of(metadata: Mapping[str, Any], namespace: str) -> Workload:
    """The workload of the pod with this metadata."""
    name = str(metadata.get("name") or "")
    pod = Workload(name, namespace)
    owner = next((ref for ref in metadata.get("ownerReferences") or () if ref.get("controller")), None)
    if not metadata.get("generateName") or owner is None:
        return pod
    labels = metadata.get("labels") or {}
    return _resolved(Workload(owner["name"], namespace, owner.get("apiVersion", ""), owner["kind"]), labels)


def _resolved(owner: Workload, labels: Mapping[str, str]) -> Workload:
    template, rollout = labels.get("pod-template-hash"), labels.get("rollouts-pod-template-hash")
    if owner.kind == "ReplicaSet" and template and owner.name.endswith(template):
        return _renamed(owner, owner.name.removesuffix(f"-{template}"), owner.api_version, "Deployment")
    if owner.kind == "ReplicaSet" and rollout and owner.name.endswith(rollout):
        return _renamed(owner, owner.name.removesuffix(f"-{rollout}"), "v1alpha1", "Rollout")
    if owner.kind == "ReplicationController" and labels.get("deploymentconfig"):
        return _renamed(owner, labels["deploymentconfig"], owner.api_version, "DeploymentConfig")
    if owner.kind == "Job" and (cron := _CRON_JOB.match(owner.name)):
        return _renamed(owner, cron.group(1), "batch/v1", "CronJob")
    return owner


def _renamed(owner: Workload, name: str, api_version: str, kind: str) -> Workload:
    return Workload(name, owner.namespace, api_version, kind)
