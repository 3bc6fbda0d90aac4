"""Rules for PeerAuthentication and RequestAuthentication.

In: specs and metadata. Out: remarks.
References: https://istio.io/latest/docs/reference/config/security/peer_authentication/ and request_authentication/
beside it.
"""

import json
from typing import Any
from urllib.parse import urlsplit

from lateen.resources.model import Meta
from lateen.resources.peer_authentication import PeerAuthenticationSpec
from lateen.resources.request_authentication import JWTRule, RequestAuthenticationSpec
from lateen.resources.validate import names
from lateen.resources.validate.headers import plain_header_name
from lateen.resources.validate.remarks import Remarks, error, warning
from lateen.resources.validate.selectors import targets, workload_selector

_PRIVATE = ("d", "k")  # members of a JWK that only its owner may have (RFC 7518)


def peer_authentication(spec: PeerAuthenticationSpec, _meta: Meta) -> Remarks:
    """Ports are ports, and single ones are for single workloads."""
    if spec.port_level_mtls and (spec.selector is None or not spec.selector.match_labels):
        text = "modes of single ports need a selector: without one the policy is for every workload"
        yield error("spec.portLevelMtls", text, "select workloads by spec.selector.matchLabels")
    for text in spec.port_level_mtls:
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
        if not 1 <= number <= 65535:
            yield error(f"spec.portLevelMtls.{text}", f"{text} is no port number (1 to 65535)")
    yield from workload_selector(spec.selector)


def request_authentication(spec: RequestAuthenticationSpec, _meta: Meta) -> Remarks:
    """All rules of the kind."""
    yield from targets(spec.selector, spec.target_ref, spec.target_refs)
    for index, rule in enumerate(spec.jwt_rules):
        yield from _jwt_rule(rule, f"spec.jwtRules[{index}]")


def _jwt_rule(rule: JWTRule, path: str) -> Remarks:
    if not rule.issuer and not rule.jwks_uri:
        yield error(f"{path}.issuer", "is missing, and so is jwksUri: one of them says whose tokens these are")
    if rule.jwks_uri:
        yield from _jwks_uri(rule.jwks_uri, f"{path}.jwksUri")
    if rule.jwks:
        yield from _jwks(rule.jwks, f"{path}.jwks")
    for field, values in (
        ("audiences", rule.audiences),
        ("fromParams", rule.from_params),
        ("fromCookies", rule.from_cookies),
        ("spaceDelimitedClaims", rule.space_delimited_claims),
        ("fromHeaders", tuple(header.name for header in rule.from_headers)),
    ):
        for index, value in enumerate(values):
            if not value:
                yield error(f"{path}.{field}[{index}]", "is empty")
    for index, copied in enumerate(rule.output_claim_to_headers):
        where = f"{path}.outputClaimToHeaders[{index}]"
        yield from plain_header_name(copied.header, f"{where}.header")
        if not copied.claim:
            yield error(f"{where}.claim", "is empty")
    yield from names.duration(rule.timeout, f"{path}.timeout")


def _jwks_uri(text: str, path: str) -> Remarks:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as problem:
        yield error(path, f"{text!r} is no URL: {problem}")
        return
    if parts.scheme not in ("http", "https") or not parts.hostname or "\\" in text:
        yield error(path, f"{text!r} is no URL of http or https")
    elif port is not None:
        yield from names.port(port, path)


def _jwks(text: str, path: str) -> Remarks:
    """A set of keys, or one key, as JSON (RFC 7517)."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        yield error(path, "is no JSON")
        return
    keys = value.get("keys", [value]) if isinstance(value, dict) else None
    if not isinstance(keys, list) or not all(_is_key(key) for key in keys):
        yield error(path, "is no set of keys (JWKS)")
        return
    for index, key in enumerate(keys):
        if any(member in key for member in _PRIVATE):
            yield warning(
                path, f"key {index} has its private part in it; tokens are checked with the public part alone"
            )


def _is_key(key: Any) -> bool:
    """Tell whether a value has the members that its type of key must have."""
    if not isinstance(key, dict):
        return False
    needed = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x"), "oct": ("k",)}.get(str(key.get("kty")))
    return needed is not None and all(isinstance(key.get(member), str) for member in needed)
