"""Deployment and ReplicaSet: many pods of one template.

Reference: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/
In: objects of the API server. Out: frozen structs with the fields that the mesh reads; controllers work on the plain
objects.
"""

from typing import Any

from lateen.resources.model import Meta
from lateen.resources.pod import PodSpec
from lateen.resources.structs import KubeStruct


class KubeLabelSelector(KubeStruct):
    """Pods by labels; expressions stay as they are."""

    match_labels: dict[str, str] = {}
    match_expressions: tuple[dict[str, Any], ...] = ()


class PodTemplate(KubeStruct):
    """The pod that is made."""

    metadata: Meta = Meta()
    spec: PodSpec = PodSpec()


class DeploymentSpec(KubeStruct):
    """How many pods, which ones, and of which template."""

    replicas: int | None = None
    selector: KubeLabelSelector = KubeLabelSelector()
    template: PodTemplate = PodTemplate()
    strategy: dict[str, Any] = {}
    min_ready_seconds: int | None = None
    revision_history_limit: int | None = None
    progress_deadline_seconds: int | None = None
    paused: bool = False


class ReplicaSetSpec(KubeStruct):
    """How many pods, which ones, and of which template."""

    replicas: int | None = None
    selector: KubeLabelSelector = KubeLabelSelector()
    template: PodTemplate = PodTemplate()
    min_ready_seconds: int | None = None
