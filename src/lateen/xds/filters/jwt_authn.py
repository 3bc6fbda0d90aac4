"""Tokens of requests: checked here, their claims left in metadata for policies and routes.

In: the token policies in the options. Out: one filter, or nothing. Rule, as Istio documents: a request without token
passes, one with a token that is not valid is refused with 401; where several issuers share a place, one valid token
is enough.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from envoy.config.core.v3.base_pb2 import DataSource
from envoy.config.core.v3.http_uri_pb2 import HttpUri
from envoy.config.route.v3.route_components_pb2 import RouteMatch
from envoy.extensions.filters.http.jwt_authn.v3.config_pb2 import (
    JwtAuthentication,
    JwtClaimToHeader,
    JwtHeader,
    JwtProvider,
    JwtRequirement,
    JwtRequirementAndList,
    JwtRequirementOrList,
    RemoteJwks,
    RequirementRule,
)
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter
from google.protobuf.empty_pb2 import Empty

from lateen.engine import Database
from lateen.mesh.authn_jwt import Keys, keys_of, token_rules
from lateen.resources.request_authentication import JWTRule
from lateen.xds.any import pack
from lateen.xds.filters.rbac_conditions import JWT_FILTER, JWT_PAYLOAD
from lateen.xds.hcm_options import HcmOptions
from lateen.xds.values import seconds

NAME: Final = JWT_FILTER
SPACE_DELIMITED: Final = ("permission", "scope")
CACHE: Final = 300.0

NO_KEYS: Final = (
    '{"keys":[{"kty":"EC","crv":"P-256","alg":"ES256","kid":"none",'
    '"x":"VyWMPoMj51V1Xc9IzuVsLp-_5xqIiby39KzJFNMFwEE","y":"OUmN78Sx_aocwHiIo64ysR2Pfepbm5VGuKW8xzf-2J8"}]}'
)
"""A key set under which no token is valid: it stands where an issuer's keys are not known.

The point's x is the SHA-256 of "no token is valid under this key 0", so nobody has the private key to it. An empty
set would be no configuration, and an empty symmetric key would be one that everybody knows.
"""

_HEADER_NAME: Final = re.compile(r"[0-9a-zA-Z!#$%&'*+\-.^_|~`]+")


def http_filters(db: Database, options: HcmOptions) -> list[HttpFilter]:
    """The filter, where a token policy holds."""
    if options.direction == "outbound":
        return []
    rules = token_rules(db, options.token_policies)
    if not rules:
        return []
    providers = {
        f"origins-{number}": _provider(db, rule, gateway=options.direction == "gateway")
        for number, rule in enumerate(rules)
    }
    rule = RequirementRule(match=RouteMatch(prefix="/"), requires=_requirement(tuple(providers)))
    settings = JwtAuthentication(providers=providers, rules=[rule], bypass_cors_preflight=True)
    return [HttpFilter(name=NAME, typed_config=pack(settings))]


def _named(name: str) -> JwtRequirement:
    return JwtRequirement(provider_name=name)


def _any_of(requirements: Iterable[JwtRequirement]) -> JwtRequirement:
    return JwtRequirement(requires_any=JwtRequirementOrList(requirements=requirements))


def _requirement(names: tuple[str, ...]) -> JwtRequirement:
    """One valid token, or for each issuer a valid one or none."""
    each = [_any_of([_named(name), JwtRequirement(allow_missing=Empty())]) for name in names]
    if len(each) == 1:
        return each[0]
    all_of = JwtRequirement(requires_all=JwtRequirementAndList(requirements=each))
    return _any_of([*map(_named, names), all_of])


def _provider(db: Database, rule: JWTRule, *, gateway: bool) -> JwtProvider:
    provider = JwtProvider(
        issuer=rule.issuer or "",
        audiences=rule.audiences,
        forward=rule.forward_original_token,
        from_headers=_from_headers(rule),
        from_params=[name for name in rule.from_params if name],
        from_cookies=[name for name in rule.from_cookies if name],
        payload_in_metadata=JWT_PAYLOAD,
        claim_to_headers=_claims(rule),
        clear_route_cache=gateway,
    )
    provider.normalize_payload_in_metadata.space_delimited_claims.extend(
        sorted({*SPACE_DELIMITED, *rule.space_delimited_claims}) if rule.space_delimited_claims else SPACE_DELIMITED
    )
    if _is_header(rule.output_payload_to_header or ""):
        provider.forward_payload_header = rule.output_payload_to_header
    _set_keys(provider, keys_of(db, rule))
    return provider


def _is_header(name: str) -> bool:
    return bool(_HEADER_NAME.fullmatch(name))


def _from_headers(rule: JWTRule) -> Iterator[JwtHeader]:
    for place in rule.from_headers:
        prefix = place.prefix or ""
        if _is_header(place.name) and prefix.isprintable():
            yield JwtHeader(name=place.name, value_prefix=prefix)


def _claims(rule: JWTRule) -> Iterator[JwtClaimToHeader]:
    for copied in rule.output_claim_to_headers:
        if _is_header(copied.header) and copied.claim:
            yield JwtClaimToHeader(header_name=copied.header, claim_name=copied.claim)


def _set_keys(provider: JwtProvider, keys: Keys) -> None:
    if keys.kind == "remote":
        uri = HttpUri(uri=keys.uri, cluster=keys.cluster, timeout=seconds(keys.timeout))
        provider.remote_jwks.CopyFrom(RemoteJwks(http_uri=uri, cache_duration=seconds(CACHE)))
    else:
        provider.local_jwks.CopyFrom(DataSource(inline_string=keys.inline or NO_KEYS))
