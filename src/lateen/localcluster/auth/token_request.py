"""Answering a TokenRequest: the `token` subresource of a service account.

In: the request object, the service account, the caller, a key and the time. Out: the same object with `status.token`.
Rules: a token names the service account's uid and, if bound, the pod's, so that it dies with them; a node gets tokens
only for pods that run on it, as Kubernetes' NodeRestriction demands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lateen.localcluster.auth.authenticate import Trust
from lateen.localcluster.auth.identity import GROUP_NODES, User
from lateen.localcluster.auth.tokens import SigningKey, sign
from lateen.localcluster.errors import FieldError, bad_request, conflict, forbidden, invalid, not_found

__all__ = ["Issuing", "token_request"]

_SHORTEST, _LONGEST, _DEFAULT = 600, 2**32, 3600
_BOUND_KINDS = {"Pod": "pods", "Secret": "secrets", "Node": "nodes"}


@dataclass(frozen=True, slots=True)
class Issuing:
    """What issuing needs besides the request: the key, the time (seconds) and a unique id for the token."""

    key: SigningKey
    now: float
    token_id: str


def token_request(
    request: Mapping[str, Any], account: Mapping[str, Any], user: User, trust: Trust, issuing: Issuing
) -> dict[str, Any]:
    """The answered TokenRequest. Raises `ApiError` 400, 403, 404, 409 or 422."""
    spec = request.get("spec") or {}
    if not isinstance(spec, Mapping):
        raise bad_request("spec of a TokenRequest must be an object")
    seconds, wanted = _seconds(spec), _audiences(spec, trust)
    meta = account["metadata"]
    namespace, name = str(meta["namespace"]), str(meta["name"])
    bound = _bound(spec.get("boundObjectRef"), namespace, name, user, trust)
    now = int(issuing.now)
    claims = {
        "aud": list(wanted),
        "exp": now + seconds,
        "iat": now,
        "nbf": now,
        "iss": trust.issuer,
        "jti": issuing.token_id,
        "sub": f"system:serviceaccount:{namespace}:{name}",
        "kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": name, "uid": meta["uid"]}, **bound},
    }
    expires = datetime.fromtimestamp(now + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {**spec, "audiences": list(wanted), "expirationSeconds": seconds},
        "status": {"token": sign(issuing.key, claims), "expirationTimestamp": expires},
    }


def _seconds(spec: Mapping[str, Any]) -> int:
    value = spec.get("expirationSeconds")
    if value is None:
        return _DEFAULT
    if isinstance(value, bool) or not isinstance(value, int):
        raise bad_request("spec.expirationSeconds must be a whole number of seconds")
    if value < _SHORTEST:
        complaint = f"Invalid value: {value}: may not specify a duration less than 10 minutes"
        raise _invalid("spec.expirationSeconds", complaint)
    if value > _LONGEST:
        raise _invalid("spec.expirationSeconds", "Too long: may not be more than 4294967296 seconds")
    return value


def _audiences(spec: Mapping[str, Any], trust: Trust) -> tuple[str, ...]:
    wanted = spec.get("audiences") or list(trust.api_audiences)
    if not isinstance(wanted, list) or not all(isinstance(item, str) and item for item in wanted):
        raise _invalid("spec.audiences", "Invalid value: must be a list of non-empty strings")
    return tuple(dict.fromkeys(wanted))


def _bound(reference: Any, namespace: str, account: str, user: User, trust: Trust) -> dict[str, Any]:
    """The claims that tie the token to an object."""
    is_node = GROUP_NODES in user.groups
    if reference is None:
        if is_node:
            raise forbidden("node requested token not bound to a pod")
        return {}
    if not isinstance(reference, Mapping) or str(reference.get("kind")) not in _BOUND_KINDS:
        raise _invalid("spec.boundObjectRef.kind", 'Unsupported value: supported values: "Pod", "Secret", "Node"')
    kind, name = str(reference["kind"]), str(reference.get("name") or "")
    found = trust.lookup(kind, "" if kind == "Node" else namespace, name)
    if found is None:
        raise not_found("", _BOUND_KINDS[kind], name)
    uid = str(found["metadata"]["uid"])
    if reference.get("uid") and reference["uid"] != uid:
        why = f"the UID in the bound object reference ({reference['uid']}) does not match the UID in record"
        raise conflict("", _BOUND_KINDS[kind], name, why)
    if is_node and kind != "Pod":
        raise forbidden("node requested token not bound to a pod")
    claims: dict[str, Any] = {kind.lower(): {"name": name, "uid": uid}}
    if kind == "Pod":
        claims.update(_of_pod(found, account, user if is_node else None))
        node = found.get("spec", {}).get("nodeName")
        machine = trust.lookup("Node", "", node) if node else None
        if machine is not None:
            claims["node"] = {"name": node, "uid": machine["metadata"]["uid"]}
    return claims


def _of_pod(pod: Mapping[str, Any], account: str, node: User | None) -> dict[str, Any]:
    spec = pod.get("spec", {})
    runs_as = spec.get("serviceAccountName") or "default"
    name = pod["metadata"]["name"]
    if runs_as != account:
        raise bad_request(
            f'cannot bind token for serviceaccount "{account}" to pod "{name}" '
            "running with different serviceaccount name."
        )
    if node is not None and f"system:node:{spec.get('nodeName')}" != node.name:
        raise forbidden(f'node requested token bound to a pod scheduled on a different node: pod "{name}"')
    return {}


def _invalid(path: str, message: str) -> Exception:
    return invalid("authentication.k8s.io", "TokenRequest", "", (FieldError(path, message),))
