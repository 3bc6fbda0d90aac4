"""Nothing new comes into a namespace that does not exist or is going away.

https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#namespacelifecycle
"""

from __future__ import annotations

from lateen.localcluster.admission.request import Request, View
from lateen.localcluster.errors import ApiError, not_found

__all__ = ["check_namespace"]

_IMMORTAL = frozenset({"default", "kube-system", "kube-public"})


def check_namespace(request: Request, view: View) -> None:
    """Raises `ApiError` 403 or 404 if the namespace forbids the request."""
    if request.kind.kind == "Namespace" and not request.kind.group:
        if request.operation == "DELETE" and request.name in _IMMORTAL:
            text = f'namespaces "{request.name}" is forbidden: this namespace may not be deleted'
            raise ApiError(403, "Forbidden", text, {"name": request.name, "kind": "namespaces"})
        return
    if request.operation != "CREATE" or not request.kind.namespaced or request.subresource:
        return
    namespace = view.get("Namespace", "", request.namespace)
    if namespace is None:
        raise not_found("", "namespaces", request.namespace)
    if namespace["metadata"].get("deletionTimestamp"):
        raise _terminating(request)


def _terminating(request: Request) -> ApiError:
    why = f"unable to create new content in namespace {request.namespace} because it is being terminated"
    cause = {
        "reason": "NamespaceTerminating",
        "message": f"namespace {request.namespace} is being terminated",
        "field": "metadata.namespace",
    }
    details = {"name": request.name, "group": request.kind.group, "kind": request.kind.plural, "causes": [cause]}
    return ApiError(403, "Forbidden", f'{request.qualified} "{request.name}" is forbidden: {why}', details)
