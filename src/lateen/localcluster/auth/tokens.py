"""Service-account tokens: what the API server signs and what it accepts.

In: an RSA key, claims and the time. Out: a signed JWT, or the checked claims of one; the public keys as JWKS.
Rules: exactly one algorithm (RS256) and only keys that we hold: nothing in the token's own header (`jku`, `x5u`, `jwk`,
`kid` as a path) chooses where a key comes from. Claims are read strictly: duplicate names, times that are no whole
numbers, and unknown critical headers are refused. Times are seconds since 1970.
https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#bound-service-account-tokens
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

__all__ = ["ISSUER", "SigningKey", "TokenError", "jwks", "load_key", "openid_configuration", "sign", "verify"]

ISSUER = "https://kubernetes.default.svc.cluster.local"
MAX_TOKEN = 16 * 1024
_ALGORITHMS = ["RS256"]
_LATEST = 2**53  # beyond this a JSON number is no exact whole number for everybody
_EARLY = 60  # seconds by which another machine's clock may be ahead
_HEADERS = frozenset({"alg", "kid", "typ"})


class TokenError(Exception):
    """A token that is not accepted; the message names the cause and never contains the token."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key pair (or only its public half) with the name under which JWKS lists it: its RFC 7638 thumbprint."""

    key: RSAKey
    kid: str


def load_key(pem: bytes) -> SigningKey:
    """The key of a PEM file, private or public; at least 2048 bits. Raises `TokenError`."""
    private = b"PRIVATE KEY" in pem
    try:
        raw = load_pem_private_key(pem, None) if private else load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise TokenError("the service-account key is no RSA key in PEM form") from error
    if not isinstance(raw, (RSAPrivateKey, RSAPublicKey)):
        raise TokenError("the service-account key is no RSA key")
    if raw.key_size < 2048:
        raise TokenError("the service-account key has fewer than 2048 bits")
    key = RSAKey.import_key(raw)
    return SigningKey(key, key.thumbprint())


def sign(key: SigningKey, claims: Mapping[str, Any]) -> str:
    """The compact JWS of the claims."""
    payload = json.dumps(claims, separators=(",", ":"), sort_keys=True).encode()
    return jws.serialize_compact({"alg": "RS256", "kid": key.kid}, payload, key.key, algorithms=_ALGORITHMS)


def verify(token: str, keys: tuple[SigningKey, ...], issuer: str, now: float) -> dict[str, Any]:
    """The claims of a token that one of `keys` has signed and that is valid at `now`. Raises `TokenError`."""
    if len(token) > MAX_TOKEN or not token.isascii():
        raise TokenError("the token is longer than any that we issue" if token.isascii() else "the token is not ASCII")
    try:
        parsed = jws.extract_compact(token.encode())
        header = parsed.headers()
        key = _key(header, keys)
        signed = jws.deserialize_compact(token, key.key, algorithms=_ALGORITHMS)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise TokenError("the token's signature or form is not valid") from error
    claims = _strict(signed.payload)
    _check_times(claims, now)
    if claims.get("iss") != issuer:
        raise TokenError("the token is from another issuer")
    return claims


def audiences(claims: Mapping[str, Any]) -> tuple[str, ...]:
    """The `aud` claim, which may be one string or a list of them; a token without any is for nobody."""
    found = claims.get("aud")
    listed = [found] if isinstance(found, str) else found
    if not isinstance(listed, list) or not listed or not all(isinstance(item, str) and item for item in listed):
        raise TokenError("the token has no audience")
    return tuple(listed)


def jwks(keys: tuple[SigningKey, ...]) -> dict[str, Any]:
    """The document behind `/openid/v1/jwks`: public halves only."""
    return {"keys": [_public(key) for key in keys]}


def openid_configuration(issuer: str, jwks_uri: str) -> dict[str, Any]:
    """The document behind `/.well-known/openid-configuration`."""
    return {
        "issuer": issuer,
        "jwks_uri": jwks_uri,
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": list(_ALGORITHMS),
    }


def _public(key: SigningKey) -> dict[str, Any]:
    parts = key.key.as_dict(private=False)
    return {"use": "sig", "kty": "RSA", "kid": key.kid, "alg": "RS256", "n": parts["n"], "e": parts["e"]}


def _key(header: Mapping[str, Any], keys: tuple[SigningKey, ...]) -> SigningKey:
    if header.get("alg") != "RS256":
        raise TokenError("the token is not signed with RS256")
    if not set(header) <= _HEADERS:
        raise TokenError("the token's header has fields that we never write")
    found = next((key for key in keys if key.kid == header.get("kid")), None)
    if found is None:
        raise TokenError("the token is signed with a key that this server does not have")
    return found


def _strict(payload: bytes) -> dict[str, Any]:
    try:
        claims = json.loads(payload, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise TokenError("the token's claims are not plain JSON") from error
    if not isinstance(claims, dict):
        raise TokenError("the token's claims are not an object")
    return claims


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name appears twice")
    return found


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is no JSON number")


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    expires, earliest = _time(claims, "exp"), _time(claims, "nbf")
    if expires is None:
        raise TokenError("the token does not say when it expires")
    if now >= expires:
        raise TokenError("the token has expired")
    if earliest is not None and now + _EARLY < earliest:
        raise TokenError("the token is not valid yet: compare this machine's clock with the issuer's")


def _time(claims: Mapping[str, Any], name: str) -> int | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _LATEST:
        raise TokenError(f"the token's {name} is no time in whole seconds")
    return value
