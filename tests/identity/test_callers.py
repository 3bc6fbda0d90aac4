"""Evidence of identity: token reviews and the front Envoy's header; what is not plain is refused."""

from __future__ import annotations

from typing import Any

import pytest

from lateen.identity.callers import (
    MAX_TOKEN,
    AuthenticationError,
    bearer_token,
    identity_of_review,
    identity_of_xfcc,
    token_review,
)

URI = "spiffe://cluster.local/ns/shop/sa/seller"
GOOD: dict[str, Any] = {
    "authenticated": True,
    "audiences": ["istio-ca"],
    "user": {"username": "system:serviceaccount:shop:seller"},
}


def test_a_reviewed_token_is_a_service_account() -> None:
    assert identity_of_review(GOOD, "cluster.local").uri == URI


@pytest.mark.parametrize(
    "change",
    [
        {"authenticated": False},
        {"authenticated": "true"},
        {"authenticated": None},
        {"audiences": []},
        {"audiences": None},
        {"audiences": ["https://kubernetes.default.svc"]},
        {"user": {"username": "system:node:a"}},
        {"user": {}},
        {"user": {"username": "system:serviceaccount:a/sa/b:c"}},
    ],
)
def test_hostile_15_reviews_that_prove_nothing(change: dict[str, Any]) -> None:
    with pytest.raises(AuthenticationError):
        identity_of_review(GOOD | change, "cluster.local")


def test_a_review_always_names_the_audience() -> None:
    assert token_review("abc")["spec"] == {"token": "abc", "audiences": ["istio-ca"]}


def test_bearer_tokens() -> None:
    assert bearer_token("Bearer abc") == "abc"
    assert bearer_token("bearer abc") == "abc"
    assert bearer_token(None) is None
    assert bearer_token("Basic abc") is None


@pytest.mark.parametrize(
    "value", ["Bearer ", "Bearer a b", "Bearer a\nb", "Bearer é", "Bearer " + "x" * (MAX_TOKEN + 1)]
)
def test_hostile_15_tokens_that_cannot_be_real(value: str) -> None:
    with pytest.raises(AuthenticationError):
        bearer_token(value)


def test_the_front_envoys_header() -> None:
    header = f'By=spiffe://x;Hash=ab;Subject="CN=a,O=\\"b;c\\"";URI={URI}'

    assert identity_of_xfcc(header).uri == URI


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Hash=ab",
        f"URI={URI},URI={URI}",
        f"URI={URI};URI=spiffe://cluster.local/ns/a/sa/admin",
        "URI=https://example.com",
        f'Subject="URI={URI}"',
        "URI=spiffe://cluster.local/ns/a/sa/b/c",
    ],
)
def test_hostile_14_headers_that_are_not_one_identity(header: str) -> None:
    with pytest.raises(AuthenticationError):
        identity_of_xfcc(header)
