"""Who is calling: certificate or bearer token in, `User` out.

In: what the connection and the headers show, what this server trusts, and the time. Out: the user, or `ApiError`.
Rules: a certificate, once TLS has verified it, outranks a token, as in Kubernetes; a token that is presented and
wrong is never downgraded to anonymous; a token counts only while its service account (and pod) exist under the same
uid. Impersonation headers are refused: they need authorization rules that do not exist yet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lateen.localcluster.auth.identity import ANONYMOUS, GROUP_AUTHENTICATED, User, service_account
from lateen.localcluster.auth.tokens import ISSUER, SigningKey, TokenError, audiences, verify
from lateen.localcluster.errors import forbidden, unauthorized

__all__ = ["Presented", "Subject", "Trust", "authenticate", "authenticate_token", "presented", "subject_of"]

Lookup = Callable[[str, str, str], Mapping[str, Any] | None]
POD_NAME = "authentication.kubernetes.io/pod-name"
POD_UID = "authentication.kubernetes.io/pod-uid"


@dataclass(frozen=True, slots=True)
class Subject:
    """A verified client certificate's subject: common name and organizations."""

    common_name: str
    organizations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Presented:
    """What a request brings: the verified certificate's subject, the Authorization header, impersonation or not."""

    certificate: Subject | None = None
    authorization: str = ""
    impersonation: bool = False


@dataclass(frozen=True, slots=True)
class Trust:
    """What this server accepts. `lookup(kind, namespace, name)` reads ServiceAccounts, Pods, Nodes and Secrets."""

    keys: tuple[SigningKey, ...]
    lookup: Lookup
    issuer: str = ISSUER
    api_audiences: tuple[str, ...] = (ISSUER,)


def presented(headers: Mapping[str, str], peer_certificate: Mapping[str, Any] | None) -> Presented:
    """From request headers and the dict that `SSLObject.getpeercert()` gives for a *verified* certificate."""
    impersonation = any(name.lower().startswith("impersonate-") for name in headers)
    authorization = next((value for name, value in headers.items() if name.lower() == "authorization"), "")
    return Presented(subject_of(peer_certificate), authorization, impersonation)


def subject_of(peer_certificate: Mapping[str, Any] | None) -> Subject | None:
    """The subject, or None without a certificate or when its common name is missing or ambiguous."""
    if not peer_certificate:
        return None
    parts = [pair for rdn in peer_certificate.get("subject", ()) for pair in rdn]
    names = [value for key, value in parts if key == "commonName" and value]
    if len(names) != 1:
        return None
    return Subject(names[0], tuple(value for key, value in parts if key == "organizationName"))


def authenticate(request: Presented, trust: Trust, now: float) -> User:
    """The user behind a request; the anonymous one if nothing was presented. Raises `ApiError` 401 or 403."""
    if request.impersonation:
        raise forbidden("impersonation is not supported by this server: send the request without Impersonate-* headers")
    if request.certificate is not None:
        groups = tuple(dict.fromkeys((*request.certificate.organizations, GROUP_AUTHENTICATED)))
        return User(request.certificate.common_name, groups)
    if not request.authorization:
        return ANONYMOUS
    scheme, _, token = request.authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise unauthorized()
    try:
        user, _ = authenticate_token(token.strip(), trust, trust.api_audiences, now)
    except TokenError:
        raise unauthorized() from None
    return user


def authenticate_token(token: str, trust: Trust, wanted: tuple[str, ...], now: float) -> tuple[User, tuple[str, ...]]:
    """The user of a service-account token, and which of the `wanted` audiences it is for. Raises `TokenError`."""
    claims = verify(token, trust.keys, trust.issuer, now)
    given = audiences(claims)
    shared = tuple(audience for audience in wanted if audience in given)
    if not shared:
        raise TokenError("the token is for another audience")
    return _account(claims, trust.lookup), shared


def _account(claims: Mapping[str, Any], lookup: Lookup) -> User:
    bound = claims.get("kubernetes.io")
    if not isinstance(bound, dict):
        raise TokenError("the token is not bound to a service account")
    namespace = bound.get("namespace")
    account = bound.get("serviceaccount")
    if not isinstance(namespace, str) or not isinstance(account, dict) or not isinstance(account.get("name"), str):
        raise TokenError("the token is not bound to a service account")
    name = str(account["name"])
    if claims.get("sub") != f"system:serviceaccount:{namespace}:{name}":
        raise TokenError("the token's subject is not the service account that it is bound to")
    uid = _check_alive(lookup, ("ServiceAccount", namespace, name), account.get("uid"))
    extra: list[tuple[str, tuple[str, ...]]] = []
    for field, kind in (("pod", "Pod"), ("secret", "Secret"), ("node", "Node")):
        reference = bound.get(field)
        if reference is None:
            continue
        if not isinstance(reference, dict) or not isinstance(reference.get("name"), str):
            raise TokenError(f"the token's {field} is not readable")
        if field != "node" or "pod" not in bound:
            where = namespace if kind != "Node" else ""
            _check_alive(lookup, (kind, where, str(reference["name"])), reference.get("uid"))
        if field in ("pod", "node"):
            extra.append((f"authentication.kubernetes.io/{field}-name", (str(reference["name"]),)))
            extra.append((f"authentication.kubernetes.io/{field}-uid", (str(reference.get("uid") or ""),)))
    if isinstance(claims.get("jti"), str):
        extra.append(("authentication.kubernetes.io/credential-id", (f"JTI={claims['jti']}",)))
    return service_account(namespace, name, uid, tuple(sorted(extra)))


def _check_alive(lookup: Lookup, where: tuple[str, str, str], uid: object) -> str:
    found = lookup(*where)
    if found is None or not isinstance(uid, str) or found["metadata"].get("uid") != uid:
        raise TokenError(f"the {where[0]} that the token is bound to is gone")
    return uid
