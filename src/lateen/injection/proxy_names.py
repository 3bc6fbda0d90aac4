"""Labels and annotations that both templates put on a pod: whose canonical service it is, whose revision, which
container is the main one.

In: `Context`. Out: labels and annotations; what the user set himself wins.
"""

from __future__ import annotations

from lateen.injection.context import Context


def canonical_labels(context: Context, *, longest: int | None) -> dict[str, str]:
    """The labels that name the pod's canonical service; a label that the user set wins."""
    labels = context.labels
    service = _first(
        labels.get("service.istio.io/canonical-name"),
        labels.get("app.kubernetes.io/name"),
        labels.get("app"),
        context.workload.name,
    )
    if longest is not None:
        service = service[:longest].strip("-_.")
    revision = _first(
        labels.get("service.istio.io/canonical-revision"),
        labels.get("app.kubernetes.io/version"),
        labels.get("version"),
        "latest",
    )
    return {"service.istio.io/canonical-name": service, "service.istio.io/canonical-revision": revision}


def common_annotations(context: Context) -> dict[str, str]:
    """Revision, and the container that kubectl chooses unless told otherwise."""
    found = {"istio.io/rev": context.revision or "default"}
    for name in ("kubectl.kubernetes.io/default-logs-container", "kubectl.kubernetes.io/default-container"):
        if context.app_containers and name not in context.annotations:
            found[name] = context.app_containers[0]
    return found


def _first(*candidates: str | None) -> str:
    return next((candidate for candidate in candidates if candidate), "")
