"""Signing: what a leaf says, how long it lives, and what it leads to."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509

from lateen.identity.authority import (
    CLOCK_SKEW,
    DEFAULT_LIFETIME,
    MAX_LIFETIME,
    AuthorityError,
    Names,
    granted_lifetime,
    response_chain,
    sign,
)
from tests.identity.keys import NOW, authority, ec_key, rsa_key

URI = "spiffe://cluster.local/ns/shop/sa/seller"


def test_a_leaf_names_its_identity_and_is_no_authority() -> None:
    leaf = sign(authority(), ec_key().public_key(), Names(uris=(URI,)), timedelta(hours=1), NOW, serial=7)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    basic = leaf.extensions.get_extension_for_class(x509.BasicConstraints)

    assert names.value.get_values_for_type(x509.UniformResourceIdentifier) == [URI]
    assert len(list(names.value)) == 1
    assert names.critical
    assert not basic.value.ca
    assert leaf.serial_number == 7
    leaf.verify_directly_issued_by(authority().certificate)


def test_a_leaf_is_valid_a_little_before_now() -> None:
    leaf = sign(authority(), rsa_key().public_key(), Names(uris=(URI,)), timedelta(hours=1), NOW, serial=7)

    assert leaf.not_valid_before_utc == NOW - CLOCK_SKEW
    assert leaf.not_valid_after_utc == NOW + timedelta(hours=1)


def test_a_leaf_ends_with_its_issuer() -> None:
    late = authority().certificate.not_valid_after_utc - timedelta(hours=1)
    leaf = sign(authority(), ec_key().public_key(), Names(uris=(URI,)), timedelta(days=1), late, serial=7)

    assert leaf.not_valid_after_utc == authority().certificate.not_valid_after_utc


def test_an_expired_authority_signs_nothing() -> None:
    late = authority().certificate.not_valid_after_utc + timedelta(seconds=1)

    with pytest.raises(AuthorityError, match="expired"):
        sign(authority(), ec_key().public_key(), Names(uris=(URI,)), timedelta(days=1), late, serial=7)


def test_a_certificate_without_a_name_is_not_made() -> None:
    with pytest.raises(AuthorityError, match="name"):
        sign(authority(), ec_key().public_key(), Names(), timedelta(days=1), NOW, serial=7)


@pytest.mark.parametrize("requested", [0, -1, -(10**12)])
def test_hostile_12_lifetimes_of_nothing_mean_the_default(requested: int) -> None:
    assert granted_lifetime(requested) == DEFAULT_LIFETIME


def test_hostile_12_endless_lifetimes_are_refused() -> None:
    assert granted_lifetime(int(MAX_LIFETIME.total_seconds())) == MAX_LIFETIME
    with pytest.raises(AuthorityError, match="above the limit"):
        granted_lifetime(10**12)


def test_the_chain_begins_with_the_leaf_and_ends_with_the_roots() -> None:
    leaf = sign(authority(), ec_key().public_key(), Names(uris=(URI,)), timedelta(hours=1), NOW, serial=7)
    chain = [x509.load_pem_x509_certificate(part.encode()) for part in response_chain(authority(), leaf)]

    assert chain == [leaf, authority().certificate]
