"""Who a workload is: SPIFFE names of the form `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`.

In: names from tokens, certificates and requests, all of them possibly hostile. Out: an `Identity`, or `IdentityError`.
The rule: an identity exists only if each part is a legal Kubernetes name, so that no part can reach into the next one
(`a/sa/b`, `..`, `%2f`), and printing and parsing are exact inverses.
"""

from __future__ import annotations

import re

import msgspec

# Anchored with \Z: `$` would let a trailing newline through. The patterns are ours, not a user's, hence `re`.
_TRUST_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9._-]{0,253}[a-z0-9])?\Z")
_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")
_ACCOUNT = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\Z")
_SCHEME = "spiffe://"
_SERVICE_ACCOUNT_USER = "system:serviceaccount:"


class IdentityError(ValueError):
    """A name that no workload of the mesh can have; the message names the part, never more than its first 80
    characters.
    """


class Identity(msgspec.Struct, frozen=True, order=True):
    """One workload identity. Make it with `identity_of` or `parse_uri`: they check the parts."""

    trust_domain: str
    namespace: str
    service_account: str

    @property
    def uri(self) -> str:
        """The SPIFFE ID, as it stands in certificates."""
        return f"{_SCHEME}{self.trust_domain}/ns/{self.namespace}/sa/{self.service_account}"


def identity_of(trust_domain: str, namespace: str, service_account: str) -> Identity:
    """The identity of a service account. Raises `IdentityError` if a part is no legal name."""
    _check(_TRUST_DOMAIN, "trust domain", trust_domain)
    _check(_NAMESPACE, "namespace", namespace)
    _check(_ACCOUNT, "service account", service_account)
    return Identity(trust_domain, namespace, service_account)


def parse_uri(uri: str) -> Identity:
    """The identity that a certificate's URI names. Raises `IdentityError` for every other form of URI."""
    if not uri.startswith(_SCHEME):
        raise IdentityError(f"not a SPIFFE ID: {uri[:80]!r}")
    parts = uri[len(_SCHEME) :].split("/")
    if len(parts) != 5 or parts[1] != "ns" or parts[3] != "sa":
        raise IdentityError(f"not of the form spiffe://<trust domain>/ns/<namespace>/sa/<account>: {uri[:80]!r}")
    return identity_of(parts[0], parts[2], parts[4])


def parse_user(user: str, trust_domain: str) -> Identity:
    """The identity behind the Kubernetes user name `system:serviceaccount:<namespace>:<account>`.

    Raises `IdentityError` for users that are not service accounts.
    """
    if not user.startswith(_SERVICE_ACCOUNT_USER):
        raise IdentityError(f"user {user[:80]!r} is not a service account")
    parts = user[len(_SERVICE_ACCOUNT_USER) :].split(":")
    if len(parts) != 2:
        raise IdentityError(f"user {user[:80]!r} is not a service account")
    return identity_of(trust_domain, parts[0], parts[1])


def _check(pattern: re.Pattern[str], what: str, name: str) -> None:
    if pattern.match(name) is None or ".." in name:
        raise IdentityError(f"{what} {name[:80]!r} is not a legal name")
