"""May this user do this: built-in roles in, a yes or Kubernetes' own refusal out.

In: a user and the attributes of a request. Out: whether a rule allows it, and the 403 that says exactly what was asked.
Rule: nothing is allowed that no rule allows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lateen.localcluster.auth.identity import User
from lateen.localcluster.auth.roles import ROLES, Rule
from lateen.localcluster.errors import ApiError

__all__ = ["Attributes", "allowed", "authorize", "refusal", "rules_of"]


@dataclass(frozen=True, slots=True)
class Attributes:
    """What is asked for: a verb on a resource (`plural` name), or, with `resource` "", on a URL path."""

    verb: str
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    @property
    def full_resource(self) -> str:
        """`pods/log`: how rules and messages name a subresource."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


def authorize(user: User, attributes: Attributes) -> None:
    """Returns if the user may; raises `ApiError` 403 with Kubernetes' message otherwise."""
    if not allowed(user, attributes):
        raise refusal(user, attributes)


def allowed(user: User, attributes: Attributes) -> bool:
    """Whether some rule of the user's roles allows it."""
    return any(_matches(rule, attributes) for rule in rules_of(user))


def rules_of(user: User) -> Iterator[Rule]:
    """Every rule that applies to the user."""
    subjects = {user.name, *user.groups}
    for role in ROLES:
        if role.subjects & subjects:
            yield from role.rules


def refusal(user: User, attributes: Attributes) -> ApiError:
    """The 403 for an action that no rule allows."""
    if not attributes.resource:
        text = f'forbidden: User "{user.name}" cannot {attributes.verb} path "{attributes.path}"'
        return ApiError(403, "Forbidden", text)
    qualified = f"{attributes.resource}.{attributes.group}" if attributes.group else attributes.resource
    subject = f'{qualified} "{attributes.name}"' if attributes.name else qualified
    where = f'in the namespace "{attributes.namespace}"' if attributes.namespace else "at the cluster scope"
    text = (
        f'{subject} is forbidden: User "{user.name}" cannot {attributes.verb} resource '
        f'"{attributes.full_resource}" in API group "{attributes.group}" {where}'
    )
    details = {"name": attributes.name, "group": attributes.group, "kind": attributes.resource}
    return ApiError(403, "Forbidden", text, {key: value for key, value in details.items() if value})


def _matches(rule: Rule, asked: Attributes) -> bool:
    if not _among(asked.verb, rule.verbs):
        return False
    if not asked.resource:
        return any(_path_matches(pattern, asked.path) for pattern in rule.paths)
    return (
        bool(rule.resources)
        and _among(asked.group, rule.groups)
        and _among(asked.full_resource, rule.resources)
        and rule.namespace in ("", asked.namespace)
    )


def _among(value: str, listed: tuple[str, ...]) -> bool:
    return "*" in listed or value in listed


def _path_matches(pattern: str, path: str) -> bool:
    if pattern.endswith("*"):
        return path.startswith(pattern[:-1])
    return path == pattern
