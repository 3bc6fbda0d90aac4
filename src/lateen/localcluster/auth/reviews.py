"""The kinds by which callers ask about identities and rights: TokenReview and the access reviews.

In: the posted object, the caller, what is trusted, the time. Out: the object with its status; nothing is stored.
Rule: a question about an invalid token is answered, not refused: `authenticated: false` with a cause.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lateen.localcluster.auth.authenticate import Trust, authenticate_token
from lateen.localcluster.auth.authorize import Attributes, allowed, rules_of
from lateen.localcluster.auth.identity import User
from lateen.localcluster.auth.tokens import TokenError
from lateen.localcluster.errors import bad_request

__all__ = ["access_review", "rules_review", "self_access_review", "self_review", "token_review"]

Object = dict[str, Any]


def token_review(review: Mapping[str, Any], trust: Trust, now: float) -> Object:
    """The answered TokenReview."""
    spec = _spec(review)
    token = spec.get("token")
    if not isinstance(token, str) or not token:
        raise bad_request("spec.token of a TokenReview must be a token")
    wanted = spec.get("audiences") or list(trust.api_audiences)
    if not isinstance(wanted, list) or not all(isinstance(item, str) for item in wanted):
        raise bad_request("spec.audiences of a TokenReview must be a list of strings")
    try:
        user, shared = authenticate_token(token, trust, tuple(wanted), now)
        status: Object = {"authenticated": True, "user": user.info(), "audiences": list(shared)}
    except TokenError as error:
        status = {"user": {}, "error": str(error)}
    return _answer(review, "authentication.k8s.io/v1", "TokenReview", status)


def self_review(review: Mapping[str, Any], user: User) -> Object:
    """The answered SelfSubjectReview (`kubectl auth whoami`)."""
    return _answer(review, "authentication.k8s.io/v1", "SelfSubjectReview", {"userInfo": user.info()})


def self_access_review(review: Mapping[str, Any], user: User) -> Object:
    """The answered SelfSubjectAccessReview (`kubectl auth can-i`)."""
    return _decided(review, "SelfSubjectAccessReview", user)


def access_review(review: Mapping[str, Any], kind: str = "SubjectAccessReview") -> Object:
    """The answered SubjectAccessReview or LocalSubjectAccessReview about the user that the spec names."""
    spec = _spec(review)
    groups = spec.get("groups") or []
    if not isinstance(groups, list) or not (spec.get("user") or groups):
        raise bad_request(f"spec of a {kind} must name a user or groups")
    user = User(str(spec.get("user") or ""), tuple(str(group) for group in groups), str(spec.get("uid") or ""))
    return _decided(review, kind, user)


def rules_review(review: Mapping[str, Any], user: User) -> Object:
    """The answered SelfSubjectRulesReview (`kubectl auth can-i --list`) for `spec.namespace`."""
    namespace = str(_spec(review).get("namespace") or "")
    resources, paths = [], []
    for rule in rules_of(user):
        if rule.paths:
            paths.append({"verbs": list(rule.verbs), "nonResourceURLs": list(rule.paths)})
        elif rule.namespace in ("", namespace):
            shown = {"apiGroups": list(rule.groups), "resources": list(rule.resources)}
            resources.append({"verbs": list(rule.verbs), **shown})
    status = {"resourceRules": resources, "nonResourceRules": paths, "incomplete": False}
    return _answer(review, "authorization.k8s.io/v1", "SelfSubjectRulesReview", status)


def _decided(review: Mapping[str, Any], kind: str, user: User) -> Object:
    decision = allowed(user, _asked(_spec(review), kind))
    status: Object = {"allowed": decision}
    if not decision:
        status["reason"] = "no built-in role allows it"
    return _answer(review, "authorization.k8s.io/v1", kind, status)


def _asked(spec: Mapping[str, Any], kind: str) -> Attributes:
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if isinstance(resource, Mapping) == isinstance(path, Mapping):
        raise bad_request(f"spec of a {kind} must have one of resourceAttributes and nonResourceAttributes")
    if isinstance(path, Mapping):
        return Attributes(str(path.get("verb") or ""), path=str(path.get("path") or ""))
    fields = ("verb", "group", "version", "resource", "subresource", "namespace", "name")
    given = resource if isinstance(resource, Mapping) else {}
    return Attributes(**{field: str(given.get(field) or "") for field in fields})


def _spec(review: Mapping[str, Any]) -> Mapping[str, Any]:
    spec = review.get("spec") or {}
    if not isinstance(spec, Mapping):
        raise bad_request("spec of a review must be an object")
    return spec


def _answer(review: Mapping[str, Any], api_version: str, kind: str, status: Object) -> Object:
    answer: Object = {"kind": kind, "apiVersion": api_version, "metadata": review.get("metadata") or {}}
    if "spec" in review:
        answer["spec"] = review["spec"]
    answer["status"] = status
    return answer
