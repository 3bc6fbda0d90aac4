"""Conditions on requests."""

from typing import Any

import pytest

from lateen.resources.virtual_service import HTTPMatchRequest, StringMatch
from lateen.xds.route_match import claim_path, is_catch_all, route_match


def made(**fields: Any) -> Any:
    return route_match(HTTPMatchRequest(**fields))


def exact(text: str) -> StringMatch:
    return StringMatch(exact=text)


def test_no_condition_takes_everything() -> None:
    assert route_match(None).prefix == "/"
    assert is_catch_all(route_match(None))
    assert is_catch_all(made())
    assert is_catch_all(made(uri=StringMatch(regex=".*")))
    assert not is_catch_all(made(headers={"a": exact("b")}))
    assert not is_catch_all(made(uri=StringMatch(prefix="/a")))


def test_paths() -> None:
    assert made(uri=exact("/a")).path == "/a"
    assert made(uri=StringMatch(prefix="/a")).prefix == "/a"
    assert made(uri=StringMatch(regex="/a+")).safe_regex.regex == "/a+"
    assert route_match(HTTPMatchRequest(uri=StringMatch(prefix="/a/")), segments=True).path_separated_prefix == "/a"
    assert made(ignore_uri_case=True).case_sensitive.value is False


def test_headers_are_sorted_and_pseudo_headers_come_last() -> None:
    out = made(
        headers={"b": exact("1"), "a": exact("2")}, method=exact("GET"), authority=exact("x"), scheme=exact("http")
    )

    assert [header.name for header in out.headers] == ["a", "b", ":method", ":authority", ":scheme"]


def test_an_empty_match_or_a_star_asks_for_presence() -> None:
    out = made(headers={"a": StringMatch(), "b": StringMatch(regex="*")}, query_params={"q": StringMatch()})

    assert [header.present_match for header in out.headers] == [True, True]
    assert out.query_parameters[0].present_match


def test_a_header_that_must_not_match_may_be_missing() -> None:
    out = made(without_headers={"a": exact("x"), "b": StringMatch()})

    assert [(header.invert_match, header.treat_missing_header_as_empty) for header in out.headers] == [
        (True, True),
        (True, False),
    ]


def test_claims_of_a_token_are_metadata() -> None:
    (matcher,) = made(headers={"@request.auth.claims[group][id]": exact("7")}).dynamic_metadata

    assert [segment.key for segment in matcher.path] == ["payload", "group", "id"]
    assert matcher.filter == "envoy.filters.http.jwt_authn"


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("@request.auth.claims.a.b", ("a", "b")),
        ("@request.auth.claims[a.b]", ("a.b",)),
        ("@request.auth.claims", None),
        ("@request.auth.claims.", None),
        ("x-claims", None),
    ],
)
def test_how_claims_are_written(name: str, path: tuple[str, ...] | None) -> None:
    assert claim_path(name) == path
