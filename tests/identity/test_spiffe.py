"""SPIFFE names: exact inverses for legal names, refusal for everything else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lateen.identity.spiffe import Identity, IdentityError, identity_of, parse_uri, parse_user

label = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)


@given(label, label, label)
def test_printing_and_parsing_are_inverses(domain: str, namespace: str, account: str) -> None:
    identity = identity_of(domain, namespace, account)

    assert parse_uri(identity.uri) == identity


def test_user_name_of_a_service_account() -> None:
    assert parse_user("system:serviceaccount:shop:seller", "cluster.local") == Identity(
        "cluster.local", "shop", "seller"
    )


@pytest.mark.parametrize(
    "user", ["alice", "system:node:x", "system:serviceaccount:a", "system:serviceaccount:a:b:c", ""]
)
def test_other_users_have_no_identity(user: str) -> None:
    with pytest.raises(IdentityError):
        parse_user(user, "cluster.local")


HOSTILE_PARTS = ["a/sa/b", "..", "a..b", "%2f", "a%2fb", "", "A", "a b", "a\n", "a\x00", "*", "-a", "a-", "é", "x" * 64]


@pytest.mark.parametrize("part", HOSTILE_PARTS)
def test_hostile_16_namespace_that_changes_meaning_in_a_path(part: str) -> None:
    with pytest.raises(IdentityError):
        identity_of("cluster.local", part, "default")


@pytest.mark.parametrize("part", [*HOSTILE_PARTS[:-1], "x" * 254])
def test_hostile_16_account_that_changes_meaning_in_a_path(part: str) -> None:
    with pytest.raises(IdentityError):
        identity_of("cluster.local", "default", part)


@pytest.mark.parametrize(
    "uri",
    [
        "spiffe://cluster.local/ns/a/sa/b/c",
        "spiffe://cluster.local/ns/a/sa/",
        "spiffe://cluster.local/ns/a/sa/b?x",
        "spiffe://cluster.local/ns//sa/b",
        "SPIFFE://cluster.local/ns/a/sa/b",
        "https://cluster.local/ns/a/sa/b",
        "spiffe://user@cluster.local/ns/a/sa/b",
        "spiffe:///ns/a/sa/b",
        "spiffe://cluster.local/ns/a/sa/b\n",
    ],
)
def test_other_uris_have_no_identity(uri: str) -> None:
    with pytest.raises(IdentityError):
        parse_uri(uri)
