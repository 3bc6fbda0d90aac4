"""Matchers from wildcard strings."""

import pytest
import re2
from google.protobuf.json_format import MessageToDict

from lateen.xds import matchers


@pytest.mark.parametrize(
    ("text", "prefix", "expected"),
    [
        ("*", "", {"safeRegex": {"regex": ".+"}}),
        ("*", "p:", {"safeRegex": {"regex": ".+"}}),
        ("*a", "", {"suffix": "a"}),
        ("*a.b", "p:", {"safeRegex": {"regex": r"p:.*a\.b"}}),
        ("a*", "p:", {"prefix": "p:a"}),
        ("a*b", "", {"exact": "a*b"}),
        ("a", "p:", {"exact": "p:a"}),
    ],
)
def test_a_star_at_one_end(text: str, prefix: str, expected: dict[str, object]) -> None:
    assert MessageToDict(matchers.string(text, prefix)) == expected


def test_a_quoted_text_matches_itself_and_nothing_else() -> None:
    text = "a.b*c|(d)[e]{f}^$+?\\"

    assert re2.fullmatch(matchers.quote(text), text)
    assert not re2.fullmatch(matchers.quote(text), text.replace(".", "x"))


@pytest.mark.parametrize(
    ("text", "address", "length"),
    [("10.0.0.1", "10.0.0.1", 32), ("10.0.0.1/16", "10.0.0.1", 16), ("::1", "::1", 128), ("fd00::/8", "fd00::", 8)],
)
def test_addresses_and_ranges(text: str, address: str, length: int) -> None:
    found = matchers.cidr(text)

    assert (found.address_prefix, found.prefix_len.value) == (address, length)


@pytest.mark.parametrize("text", ["", "x", "10.0.0.1/33", "10.0.0.0/255.0.0.0", "10.0.0.1/"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        matchers.cidr(text)


def test_a_header_needs_only_to_be_there_for_a_star() -> None:
    assert MessageToDict(matchers.header("x", "*")) == {"name": "x", "presentMatch": True}
    assert MessageToDict(matchers.header(":authority", "A", ignore_case=True))["stringMatch"]["ignoreCase"]
