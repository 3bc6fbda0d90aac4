"""The small values that every Envoy message is made of: durations, percentages, string matchers, header edits.

In: plain Python values and Istio's small structs. Out: protobuf values. Rule: nothing here knows a resource;
everything unordered is sorted here, because these are the places where maps become lists.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any as Message

from envoy.config.core.v3 import address_pb2, base_pb2
from envoy.type.matcher.v3 import regex_pb2, string_pb2
from envoy.type.v3 import percent_pb2
from google.protobuf import duration_pb2, struct_pb2, wrappers_pb2

from lateen.mesh.routing_findings import LONGEST_HEADER_VALUE
from lateen.resources.duration import parse_duration

APPEND = base_pb2.HeaderValueOption.APPEND_IF_EXISTS_OR_ADD
OVERWRITE = base_pb2.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD


LONGEST = 315_360_000
"""Ten years in seconds. Envoy refuses durations that do not fit its clock."""
LARGEST = 2**32 - 1


def bounded(number: int, highest: int = LARGEST) -> int:
    """`number` as Envoy's field can hold it: at least 0, at most `highest`."""
    return min(max(number, 0), highest)


def shares(weights: Sequence[int]) -> list[int]:
    """Weights whose sum Envoy can hold, in the same proportion; none becomes 0."""
    total = sum(weights)
    if total <= LARGEST:
        return list(weights)
    return [max(1, weight * (LARGEST - len(weights)) // total) for weight in weights]


def seconds(amount: float) -> Message:
    """A duration of `amount` seconds, exact to the nanosecond; ten years at most."""
    nanos = round(min(amount, LONGEST) * 1_000_000_000)
    return duration_pb2.Duration(seconds=nanos // 1_000_000_000, nanos=nanos % 1_000_000_000)


def duration(text: str) -> Message:
    """A duration as Istio writes it (`1.5s`, `2m`)."""
    return seconds(parse_duration(text))


def uint32(number: int) -> Message:
    """A wrapped 32-bit number; what does not fit is the nearest that does."""
    return wrappers_pb2.UInt32Value(value=bounded(number))


def boolean(flag: bool) -> Message:
    """A wrapped truth value."""
    return wrappers_pb2.BoolValue(value=flag)


def fraction(percent: float) -> Message:
    """A percentage (0 to 100) in millionths, Envoy's finest grain."""
    return percent_pb2.FractionalPercent(
        numerator=int(percent * 10_000), denominator=percent_pb2.FractionalPercent.MILLION
    )


def runtime_fraction(percent: float) -> Message:
    """A percentage where Envoy wants one that its runtime may override."""
    return base_pb2.RuntimeFractionalPercent(default_value=fraction(percent))


def struct(values: Mapping[str, object]) -> Message:
    """A `google.protobuf.Struct` of plain values."""
    out = struct_pb2.Struct()
    out.update(dict(values))
    return out


def regex(pattern: str) -> Message:
    """An RE2 pattern; it has to match the whole value."""
    return regex_pb2.RegexMatcher(regex=pattern)


def string_matcher(match: Message, *, ignore_case: bool = False) -> Message:
    """Istio's StringMatch (exact, prefix or regex) as Envoy's StringMatcher."""
    if match.exact is not None:
        return string_pb2.StringMatcher(exact=match.exact, ignore_case=ignore_case)
    if match.prefix is not None:
        return string_pb2.StringMatcher(prefix=match.prefix, ignore_case=ignore_case)
    return string_pb2.StringMatcher(safe_regex=regex(match.regex or ""))


def exact_matchers(values: Iterable[str]) -> list[Message]:
    """One exact matcher for each value, in the given order."""
    return [string_pb2.StringMatcher(exact=value) for value in values]


def header_options(headers: Mapping[str, str], action: int) -> list[Message]:
    """Headers to add or overwrite, sorted by name; without values that are longer than Envoy takes."""
    return [
        base_pb2.HeaderValueOption(header=base_pb2.HeaderValue(key=name, value=headers[name]), append_action=action)
        for name in sorted(headers)
        if len(headers[name].encode()) <= LONGEST_HEADER_VALUE
    ]


def socket_address(address: str, port: int) -> Message:
    """A TCP address."""
    return address_pb2.Address(socket_address=address_pb2.SocketAddress(address=address, port_value=port))
