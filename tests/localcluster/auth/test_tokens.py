"""Service-account tokens: what is accepted, and the hostile ones (number 15) that are not."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jws
from joserfc.jwk import OctKey, RSAKey

from lateen.localcluster.auth.authenticate import Presented, Subject, Trust, authenticate, presented
from lateen.localcluster.auth.identity import ANONYMOUS, User, service_account_of
from lateen.localcluster.auth.reviews import token_review
from lateen.localcluster.auth.token_request import Issuing, token_request
from lateen.localcluster.auth.tokens import ISSUER, SigningKey, TokenError, jwks, load_key, sign, verify
from lateen.localcluster.errors import ApiError

NOW = 1_800_000_000.0


def new_key(bits: int = 2048) -> bytes:
    private = rsa.generate_private_key(65537, bits)
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


KEY = load_key(new_key())
OTHER = load_key(new_key())


class Objects(dict[tuple[str, str, str], dict[str, Any]]):
    def lookup(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        return self.get((kind, namespace, name))


def cluster() -> Objects:
    return Objects(
        {
            ("ServiceAccount", "a", "web"): {"metadata": {"name": "web", "namespace": "a", "uid": "sa-1"}},
            ("Node", "", "lateen"): {"metadata": {"name": "lateen", "uid": "node-1"}},
            ("Pod", "a", "web-1"): {
                "metadata": {"name": "web-1", "namespace": "a", "uid": "pod-1"},
                "spec": {"serviceAccountName": "web", "nodeName": "lateen"},
            },
        }
    )


def trust(objects: Objects) -> Trust:
    return Trust((KEY,), objects.lookup)


ADMIN = User("lateen-admin", ("system:masters",))
NODE = User("system:node:lateen", ("system:nodes",))
BOUND = {"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "web-1", "uid": "pod-1"}}


def issued(objects: Objects, spec: dict[str, Any] | None = None, user: User = ADMIN) -> str:
    account = objects[("ServiceAccount", "a", "web")]
    answer = token_request({"spec": spec or {}}, account, user, trust(objects), Issuing(KEY, NOW, "id-1"))
    token = answer["status"]["token"]
    assert isinstance(token, str)
    return token


def bearer(token: str, objects: Objects, now: float = NOW + 1) -> User:
    return authenticate(Presented(authorization=f"Bearer {token}"), trust(objects), now)


def claims(**changes: Any) -> dict[str, Any]:
    base = {
        "iss": ISSUER,
        "aud": [ISSUER],
        "exp": int(NOW) + 600,
        "nbf": int(NOW),
        "sub": "system:serviceaccount:a:web",
        "kubernetes.io": {"namespace": "a", "serviceaccount": {"name": "web", "uid": "sa-1"}},
    }
    return {name: value for name, value in {**base, **changes}.items() if value is not None}


def refused(token: str, now: float = NOW) -> str:
    with pytest.raises(TokenError) as caught:
        verify(token, (KEY,), ISSUER, now)
    return str(caught.value)


def test_an_issued_token_is_the_service_account_with_its_groups_and_its_pod() -> None:
    objects = cluster()
    user = bearer(issued(objects, BOUND), objects)

    assert user.name == "system:serviceaccount:a:web"
    assert user.groups == ("system:serviceaccounts", "system:serviceaccounts:a", "system:authenticated")
    assert dict(user.extra)["authentication.kubernetes.io/pod-uid"] == ("pod-1",)
    assert dict(user.extra)["authentication.kubernetes.io/node-name"] == ("lateen",)
    assert service_account_of(user) == ("a", "web")


def test_a_token_dies_with_its_pod_and_with_a_pod_of_the_same_name_but_another_uid() -> None:
    objects = cluster()
    token = issued(objects, BOUND)
    objects[("Pod", "a", "web-1")] = {"metadata": {"uid": "pod-2"}}

    with pytest.raises(ApiError) as caught:
        bearer(token, objects)
    assert caught.value.code == 401


def test_a_token_expires() -> None:
    objects = cluster()
    token = issued(objects, {"expirationSeconds": 600})

    assert bearer(token, objects, NOW + 599).name == "system:serviceaccount:a:web"
    with pytest.raises(ApiError):
        bearer(token, objects, NOW + 600)


def test_a_token_for_another_audience_opens_nothing_here_but_its_review_names_it() -> None:
    objects = cluster()
    token = issued(objects, {"audiences": ["istio-ca"]})

    with pytest.raises(ApiError):
        bearer(token, objects)
    review = token_review({"spec": {"token": token, "audiences": ["istio-ca", "x"]}}, trust(objects), NOW + 1)
    assert review["status"]["authenticated"] is True
    assert review["status"]["audiences"] == ["istio-ca"]
    wrong = token_review({"spec": {"token": token}}, trust(objects), NOW + 1)
    assert wrong["status"] == {"user": {}, "error": "the token is for another audience"}


def test_a_duration_below_ten_minutes_is_refused_as_kubernetes_does() -> None:
    with pytest.raises(ApiError) as caught:
        issued(cluster(), {"expirationSeconds": 60})
    assert caught.value.code == 422
    assert "may not specify a duration less than 10 minutes" in caught.value.message


@pytest.mark.parametrize("value", [-1, 0, 10**12])
def test_hostile_12_durations_out_of_bounds(value: int) -> None:
    with pytest.raises(ApiError):
        issued(cluster(), {"expirationSeconds": value})


def test_a_node_gets_tokens_only_for_pods_that_run_on_it() -> None:
    objects = cluster()
    assert issued(objects, BOUND, NODE)

    for spec, user in [({}, NODE), (BOUND, User("system:node:other", ("system:nodes",)))]:
        with pytest.raises(ApiError) as caught:
            issued(objects, spec, user)
        assert caught.value.code == 403


def test_a_token_cannot_be_bound_to_a_pod_of_another_service_account() -> None:
    objects = cluster()
    objects[("ServiceAccount", "a", "web")]["metadata"]["name"] = "other"
    with pytest.raises(ApiError) as caught:
        issued(objects, BOUND)
    assert "running with different serviceaccount name" in caught.value.message


def test_hostile_15_no_algorithm_and_algorithm_confusion() -> None:
    header = {"alg": "none", "kid": KEY.kid}
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims())]
    assert refused(".".join([*parts, ""]))

    public_pem = KEY.key.as_pem(private=False)
    secret = OctKey.import_key(public_pem) if not public_pem.startswith(b"-----") else OctKey.import_key(b"k" * 64)
    forged = jws.serialize_compact({"alg": "HS256", "kid": KEY.kid}, json.dumps(claims()), secret, algorithms=["HS256"])
    assert refused(forged) == "the token's signature or form is not valid" or "RS256" in refused(forged)


@pytest.mark.parametrize("kid", ["../../etc/passwd", "' OR 1=1 --", "", None, 7])
def test_hostile_15_a_key_id_is_only_compared(kid: Any) -> None:
    header = {"alg": "RS256", "kid": kid} if kid is not None else {"alg": "RS256"}
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims())]
    assert refused(".".join([*parts, "AAAA"]))


@pytest.mark.parametrize("name", ["jku", "x5u", "jwk", "x5c", "crit", "b64"])
def test_hostile_15_a_header_cannot_bring_its_own_key(name: str) -> None:
    header = {"alg": "RS256", "kid": KEY.kid, name: "https://evil.example/keys"}
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims())]
    assert refused(".".join([*parts, "AAAA"]))


def test_hostile_15_a_key_that_is_not_ours() -> None:
    assert "key that this server does not have" in refused(sign(OTHER, claims()))
    assert refused(sign(SigningKey(OTHER.key, KEY.kid), claims())) == "the token's signature or form is not valid"


@pytest.mark.parametrize("exp", ["1900000000", 1.9e9, 1e308, True, -5, None, 10**400])
def test_hostile_15_times_that_are_no_whole_numbers(exp: Any) -> None:
    assert refused(raw(claims(exp=exp)))


def test_hostile_15_duplicate_claims_nan_and_a_list() -> None:
    text = json.dumps(claims())
    doubled = text[:-1] + ', "iss": "https://elsewhere"}'
    for payload in (doubled, '{"exp": NaN}', "[]", "7", "[" * 100_000):
        assert refused(signed_bytes(payload.encode()))


@pytest.mark.parametrize("aud", [None, [], "", [7], {"a": 1}])
def test_hostile_15_no_audience_is_for_nobody(aud: Any) -> None:
    objects = cluster()
    with pytest.raises(ApiError):
        bearer(sign(KEY, claims(aud=aud)), objects)


@pytest.mark.parametrize(
    "changes",
    [
        {"kubernetes.io": None},
        {"kubernetes.io": {"namespace": "a", "serviceaccount": {"name": "web", "uid": "old"}}},
        {"kubernetes.io": {"namespace": "a", "serviceaccount": {"name": "web"}}},
        {"sub": "system:serviceaccount:kube-system:root"},
        {"iss": "https://other"},
    ],
)
def test_a_token_whose_account_is_not_the_living_one_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ApiError):
        bearer(sign(KEY, claims(**changes)), cluster())


def test_a_token_that_starts_in_the_future_names_the_clock() -> None:
    assert verify(sign(KEY, claims(nbf=int(NOW) + 30)), (KEY,), ISSUER, NOW)
    assert "clock" in refused(sign(KEY, claims(nbf=int(NOW) + 300)))


def test_weak_keys_are_refused_and_jwks_shows_no_private_part() -> None:
    with pytest.raises(TokenError, match="fewer than 2048 bits"):
        load_key(new_key(1024))
    with pytest.raises(TokenError, match="no RSA key"):
        load_key(b"not a key")
    assert set(jwks((KEY,))["keys"][0]) == {"use", "kty", "kid", "alg", "n", "e"}


def test_hostile_59_impersonation_is_refused_and_a_certificate_outranks_a_token() -> None:
    objects = cluster()
    with pytest.raises(ApiError) as caught:
        authenticate(presented({"impersonate-User": "root"}, None), trust(objects), NOW)
    assert caught.value.code == 403

    both = Presented(Subject("jane", ("dev",)), f"Bearer {issued(objects)}")
    assert authenticate(both, trust(objects), NOW + 1) == User("jane", ("dev", "system:authenticated"))


def test_nothing_presented_is_anonymous_but_something_wrong_is_not() -> None:
    objects = cluster()
    assert authenticate(Presented(), trust(objects), NOW) == ANONYMOUS

    for header in ("Basic YTpi", "Bearer", "Bearer x", "Bearer a.b.c", "Bearer " + "x" * 100_000):
        with pytest.raises(ApiError) as caught:
            authenticate(Presented(authorization=header), trust(objects), NOW)
        assert caught.value.code == 401


def test_a_certificate_with_no_or_two_common_names_is_nobody() -> None:
    name = (("commonName", "jane"),)
    org = (("organizationName", "dev"),)
    found = presented({}, {"subject": (name, org)}).certificate
    assert found == Subject("jane", ("dev",))
    assert presented({}, {"subject": (org,)}).certificate is None
    assert presented({}, {"subject": (name, (("commonName", "root"),))}).certificate is None


def raw(found: dict[str, Any]) -> str:
    return signed_bytes(json.dumps(found).encode())


def signed_bytes(payload: bytes) -> str:
    key = KEY.key
    assert isinstance(key, RSAKey)
    return jws.serialize_compact({"alg": "RS256", "kid": KEY.kid}, payload, key, algorithms=["RS256"])
