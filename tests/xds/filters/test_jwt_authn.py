"""Tokens: the filter's shape, and what a real Envoy makes of real tokens."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from envoy.extensions.filters.http.jwt_authn.v3.config_pb2 import JwtAuthentication
from google.protobuf.json_format import MessageToDict
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from lateen.xds.filters.jwt_authn import NO_KEYS, http_filters
from lateen.xds.hcm_options import HcmOptions
from lateen.xds.inbound_listeners import inbound_listeners
from tests.mesh.test_authn_jwt import ENTRY, authentication, key
from tests.mesh.test_authz import authorization
from tests.mesh.world import sidecar, world
from tests.xds.dataplane import DataPlane, data_plane
from tests.xds.envoy import refusal
from tests.xds.reading import by_name
from tests.xds.test_security_traffic import Servers

KEY = ECKey.generate_key("P-256", {"kid": "k1", "alg": "ES256", "use": "sig"})
JWKS = json.dumps(KeySet([KEY]).as_dict(private=False))
INLINE = f"{{issuer: https://me, audiences: [web], jwks: '{JWKS}', outputPayloadToHeader: x-claims}}"


def settings(rules: str, *more: str, direction: str = "inbound") -> JwtAuthentication:
    db = world(authentication("p", rules), *more)
    options = HcmOptions(direction=direction, stat_prefix="x", rds="r", token_policies=(key("p"),))  # type: ignore[arg-type]
    (found,) = http_filters(db, options)
    message = JwtAuthentication()
    found.typed_config.Unpack(message)
    return message


def test_one_issuer_is_a_valid_token_or_none() -> None:
    found = MessageToDict(settings(f"[{INLINE}]").rules[0].requires)

    assert found == {"requiresAny": {"requirements": [{"providerName": "origins-0"}, {"allowMissing": {}}]}}


def test_several_issuers_may_share_a_place() -> None:
    requires = settings(f"[{INLINE}, {{issuer: other}}]").rules[0].requires.requires_any.requirements

    assert [one.provider_name for one in requires[:2]] == ["origins-0", "origins-1"]
    assert len(requires[2].requires_all.requirements) == 2


def test_keys_come_through_a_cluster_of_the_mesh_or_no_token_is_valid() -> None:
    known = settings("[{issuer: i, jwksUri: https://issuer.com/keys, timeout: 2s}]", ENTRY).providers["origins-0"]
    unknown = settings("[{issuer: i, jwksUri: https://elsewhere.com/keys}]", ENTRY).providers["origins-0"]

    assert known.remote_jwks.http_uri.cluster == "outbound|443||issuer.com"
    assert known.remote_jwks.http_uri.timeout.seconds == 2
    assert unknown.local_jwks.inline_string == NO_KEYS


def test_a_sidecars_outbound_side_looks_at_no_token() -> None:
    options = HcmOptions(direction="outbound", stat_prefix="x", rds="r", token_policies=(key("p"),))

    assert http_filters(world(authentication("p", f"[{INLINE}]")), options) == []


def test_only_a_gateway_routes_by_claims() -> None:
    assert settings(f"[{INLINE}]", direction="gateway").providers["origins-0"].clear_route_cache
    assert not settings(f"[{INLINE}]").providers["origins-0"].clear_route_cache


ODD = """[
  {issuer: "", jwks: "x"},
  {issuer: a, fromHeaders: [{name: ""}, {name: "a b"}, {name: ok, prefix: "Bearer "}], fromParams: [""]},
  {issuer: b, outputPayloadToHeader: "a\\nb", outputClaimToHeaders: [{header: "", claim: c}, {header: h, claim: ""}]},
  {issuer: c, jwksUri: "https://issuer.com/k", timeout: soon, fromCookies: ["", c]}]"""


def test_envoy_takes_odd_rules(tmp_path: Path) -> None:
    found = by_name(inbound_listeners(world(ENTRY, authentication("p", ODD)), sidecar()))
    clusters = ["BlackHoleCluster", "InboundPassthroughCluster", "outbound|443||issuer.com"]

    assert refusal(found.values(), [], tmp_path, clusters) == ""


# === real tokens ===


def token(signed_by: ECKey = KEY, **claims: Any) -> tuple[str, str]:
    """curl's arguments for a token that is valid unless `claims` say otherwise."""
    whole = {"iss": "https://me", "sub": "u1", "aud": "web", "exp": int(time.time()) + 600, **claims}
    return "-H", f"authorization: Bearer {jwt.encode({'alg': 'ES256', 'kid': 'k1'}, whole, signed_by)}"


@pytest.fixture(scope="module")
def plane() -> Iterator[DataPlane]:
    with data_plane() as made:
        yield made


@pytest.mark.root
def test_tokens_are_checked_and_policies_see_their_claims(plane: DataPlane) -> None:
    rule = (
        '{rules: [{to: [{operation: {paths: ["/"]}}]},'
        ' {from: [{source: {requestPrincipals: ["https://me/u1"]}}],'
        ' when: [{key: "request.auth.claims[groups]", values: [admins]}]}]}'
    )
    servers = Servers(plane)
    server = servers.server(authentication("p", f"[{INLINE}]"), authorization("q", "default", rule))
    client, url = servers.stranger(), f"http://{server.address}:8080"
    forger = ECKey.generate_key("P-256", {"kid": "k1"})

    assert client.get(f"{url}/")[0] == 200
    assert client.get(f"{url}/headers")[0] == 403
    assert client.get(f"{url}/headers", *token(groups=["users", "admins"]))[0] == 200
    assert client.get(f"{url}/headers", *token(groups="admins"))[0] == 200
    assert client.get(f"{url}/headers", *token(groups=["users"]))[0] == 403
    assert client.get(f"{url}/headers", *token(sub="u2", groups=["admins"]))[0] == 403
    for bad in (token(forger), token(exp=1), token(iss="x"), ("-H", "authorization: Bearer x")):
        assert client.get(f"{url}/", *bad)[0] == 401
    assert client.get(f"{url}/", *token(aud="other")) == (403, "Audiences in Jwt are not allowed")


@pytest.mark.root
def test_hostile_32_without_keys_every_token_is_refused_and_no_token_passes(plane: DataPlane) -> None:
    servers = Servers(plane)
    servers.numbers = iter(range(100, 200))  # type: ignore[assignment]
    server = servers.server(authentication("p", "[{issuer: https://me, jwksUri: https://elsewhere.com/keys}]"))
    client, url = servers.stranger(), f"http://{server.address}:8080"

    assert client.get(f"{url}/")[0] == 200
    assert client.get(f"{url}/", *token())[0] == 401
