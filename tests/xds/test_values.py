"""Small values."""

from envoy.config.core.v3.base_pb2 import HeaderValueOption

from lateen.resources.virtual_service import StringMatch
from lateen.xds.values import OVERWRITE, duration, exact_matchers, fraction, header_options, seconds, string_matcher


def test_durations_are_exact() -> None:
    assert (duration("1.5s").seconds, duration("1.5s").nanos) == (1, 500_000_000)
    assert (duration("2m").seconds, seconds(0.000000001).nanos) == (120, 1)


def test_percentages_keep_four_decimals() -> None:
    assert fraction(0.0001).numerator == 1
    assert fraction(100).numerator == 1_000_000


def test_the_three_string_matches() -> None:
    assert string_matcher(StringMatch(exact="a")).exact == "a"
    assert string_matcher(StringMatch(prefix="a")).prefix == "a"
    assert string_matcher(StringMatch(regex="a.*")).safe_regex.regex == "a.*"
    assert [match.exact for match in exact_matchers(["b", "a"])] == ["b", "a"]


def test_headers_are_sorted_by_name() -> None:
    options = header_options({"b": "2", "a": "1"}, OVERWRITE)

    assert [option.header.key for option in options] == ["a", "b"]
    assert options[0].append_action == HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
