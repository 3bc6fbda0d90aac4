"""A Service whose selector matches no pod is legal, and usually a typing error: say so where `describe` shows it.

In: a Service without endpoints. Out: one Warning event, or when to look again.
Rule: a Service may be applied before its pods, so nothing is said for the first ten seconds, and each thing only once.
"""

from __future__ import annotations

from lateen.localcluster.controllers.events import event_name
from lateen.localcluster.controllers.model import Moment, Object, Outcome, Report, seconds_of
from lateen.localcluster.label_match import equal_labels

__all__ = ["nothing_selected"]

_PATIENCE = 10.0
_SOURCE = "endpointslice-controller"


def nothing_selected(moment: Moment, service: Object) -> Outcome | None:
    """None if some pod matches (it only has no address yet)."""
    meta, selector = service["metadata"], service["spec"]["selector"]
    pods = moment.view.list("Pod", meta["namespace"])
    if any(equal_labels(selector, pod["metadata"].get("labels") or {}) for pod in pods):
        return None
    age = moment.now - (seconds_of(meta.get("creationTimestamp")) or 0.0)
    if age < _PATIENCE:
        return Outcome(again_in=_PATIENCE - age)
    wanted = ",".join(f"{key}={value}" for key, value in sorted(selector.items()))
    text = (
        f"selector {wanted} matches no pod in namespace {meta['namespace']}: compare it with "
        f"`kubectl get pods -n {meta['namespace']} --show-labels`"
    )
    report = Report(service, "NoPodsSelected", text, warning=True)
    if moment.view.get("Event", *event_name(report, _SOURCE)) is not None:
        return Outcome()
    return Outcome((report,))
