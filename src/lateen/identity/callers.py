"""Who is asking: turns evidence that somebody else has verified into an identity of the mesh.

In: the status of a TokenReview (the API server checked the token), or the `x-forwarded-client-cert` header of the
Envoy in front of us (it checked the certificate and replaced whatever the client sent). Out: an `Identity`, or
`AuthenticationError`. The rule: everything that is not plainly one service account of this mesh is refused, with a
reason for our log; what the client is told stays opaque.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lateen.identity.spiffe import Identity, IdentityError, parse_uri, parse_user

TOKEN_AUDIENCE = "istio-ca"  # noqa: S105 - an audience, no secret
# Tokens of the API server are about 1 kB; what is longer is never reviewed.
MAX_TOKEN = 16 * 1024


class AuthenticationError(Exception):
    """No identity; the message is for the log of the server, not for the caller."""


def bearer_token(authorization: str | None) -> str | None:
    """The token of an `authorization: Bearer ...` value, or None where there is none.

    Raises `AuthenticationError` for one that cannot be real.
    """
    if not authorization:
        return None
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        return None
    token = token.strip()
    if not token or len(token) > MAX_TOKEN or not token.isascii() or any(c.isspace() for c in token):
        raise AuthenticationError("malformed bearer token")
    return token


def token_review(token: str, audience: str = TOKEN_AUDIENCE) -> dict[str, Any]:
    """The TokenReview object to create for a token; the audience is always named, so a token made for someone else
    fails.
    """
    return {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "spec": {"token": token, "audiences": [audience]},
    }


def identity_of_review(status: Mapping[str, Any], trust_domain: str, audience: str = TOKEN_AUDIENCE) -> Identity:
    """The identity of a reviewed token.

    Raises `AuthenticationError` if the review failed, is for another audience, or names no service account.
    """
    if status.get("authenticated") is not True:
        raise AuthenticationError(f"the token was refused: {str(status.get('error', 'not authenticated'))[:200]}")
    if audience not in (status.get("audiences") or ()):
        raise AuthenticationError(f"the token is not for the audience {audience}")
    user = status.get("user") or {}
    try:
        return parse_user(str(user.get("username", "")), trust_domain)
    except IdentityError as error:
        raise AuthenticationError(str(error)) from error


def identity_of_xfcc(header: str) -> Identity:
    """The identity in the header that the front Envoy sets.

    It sets exactly one element with one URI; anything else is refused.
    """
    elements = _split(header, ",")
    if len(elements) != 1:
        raise AuthenticationError("expected exactly one client certificate")
    uris = [value for name, value in map(_pair, _split(elements[0], ";")) if name == "URI"]
    if len(uris) != 1:
        raise AuthenticationError("expected exactly one URI in the client certificate")
    try:
        return parse_uri(uris[0])
    except IdentityError as error:
        raise AuthenticationError(str(error)) from error


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = value[1:-1].replace('\\"', '"')
    return name.strip().upper(), value


def _split(text: str, separator: str) -> list[str]:
    """Splits outside double quotes, inside which a backslash escapes a quote."""
    parts: list[str] = []
    current: list[str] = []
    quoted = escaped = False
    for character in text:
        if character == separator and not quoted:
            parts.append("".join(current))
            current = []
            continue
        current.append(character)
        if character == '"' and not escaped:
            quoted = not quoted
        escaped = character == "\\" and not escaped
    return [*parts, "".join(current)]
