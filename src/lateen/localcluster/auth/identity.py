"""The caller as the rest of the API server sees him: a name and groups, never a certificate or a token.

In: what an authenticator found. Out: a frozen `User` that admission, authorization and the review kinds read.
Rule: nobody below this point looks at credentials again.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "ANONYMOUS",
    "GROUP_AUTHENTICATED",
    "GROUP_MASTERS",
    "GROUP_NODES",
    "User",
    "controller",
    "service_account",
    "service_account_of",
]

GROUP_AUTHENTICATED = "system:authenticated"
GROUP_UNAUTHENTICATED = "system:unauthenticated"
GROUP_MASTERS = "system:masters"
GROUP_NODES = "system:nodes"
_ACCOUNT_PREFIX = "system:serviceaccount:"


@dataclass(frozen=True, slots=True)
class User:
    """`name` and `groups` in Kubernetes' vocabulary; `extra` holds sorted (key, values) pairs such as the bound pod."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def info(self) -> dict[str, object]:
        """The `UserInfo` object of reviews and admission requests."""
        info: dict[str, object] = {"username": self.name, "groups": list(self.groups)}
        if self.uid:
            info["uid"] = self.uid
        if self.extra:
            info["extra"] = {key: list(values) for key, values in self.extra}
        return info


ANONYMOUS = User("system:anonymous", (GROUP_UNAUTHENTICATED,))


def service_account(
    namespace: str, name: str, uid: str = "", extra: tuple[tuple[str, tuple[str, ...]], ...] = ()
) -> User:
    """The user that a service account's token stands for, with the three groups that Kubernetes gives it."""
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", GROUP_AUTHENTICATED)
    return User(f"{_ACCOUNT_PREFIX}{namespace}:{name}", groups, uid, extra)


def controller(name: str) -> User:
    """A controller inside the API server: the service account that it has in Kubernetes, with full rights here."""
    base = service_account("kube-system", name)
    return User(base.name, (GROUP_MASTERS, *base.groups))


def service_account_of(user: User) -> tuple[str, str] | None:
    """(namespace, name) if the user is a service account, else None."""
    if not user.name.startswith(_ACCOUNT_PREFIX):
        return None
    namespace, found, name = user.name.removeprefix(_ACCOUNT_PREFIX).partition(":")
    return (namespace, name) if found and namespace and name and ":" not in name else None
