"""Envoy's matchers from the wildcard strings of Istio's policies.

In: a string with an optional `*` at one end. Out: string, header, path, address and metadata matchers.
Rule: a lone `*` means "present and not empty"; no character that a user wrote reaches a regular expression unescaped.
"""

from collections.abc import Iterable, Sequence
from ipaddress import ip_interface
from typing import Final

from envoy.config.core.v3.address_pb2 import CidrRange
from envoy.config.route.v3.route_components_pb2 import HeaderMatcher
from envoy.type.matcher.v3.metadata_pb2 import MetadataMatcher
from envoy.type.matcher.v3.regex_pb2 import RegexMatcher
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from envoy.type.matcher.v3.value_pb2 import ListMatcher, OrMatcher, ValueMatcher
from google.protobuf.wrappers_pb2 import UInt32Value

from lateen.resources.numbers import digits

_META: Final = frozenset("\\.+*?()|[]{}^$")


def quote(text: str) -> str:
    """`text` as a regular expression (RE2) that matches exactly it."""
    return "".join("\\" + character if character in _META else character for character in text)


def regex(pattern: str) -> StringMatcher:
    """Match the whole string by a regular expression."""
    return StringMatcher(safe_regex=RegexMatcher(regex=pattern))


def anything() -> StringMatcher:
    """Match any string but the empty one."""
    return regex(".+")


def string(text: str, prefix: str = "", ignore_case: bool = False) -> StringMatcher:
    """Match a wildcard string, with a fixed prefix before what the user wrote.

    `*` matches anything, without the prefix.
    """
    if text == "*":
        return anything()
    if text.startswith("*"):
        if prefix:
            return regex(prefix + ".*" + quote(text[1:]))
        return StringMatcher(suffix=text[1:], ignore_case=ignore_case)
    if text.endswith("*"):
        return StringMatcher(prefix=prefix + text[:-1], ignore_case=ignore_case)
    return StringMatcher(exact=prefix + text, ignore_case=ignore_case)


def header(name: str, text: str, ignore_case: bool = False) -> HeaderMatcher:
    """Match a header's value by a wildcard string; `*` asks only that the header is there."""
    if text == "*":
        return HeaderMatcher(name=name, present_match=True)
    return HeaderMatcher(name=name, string_match=string(text, ignore_case=ignore_case))


def cidr(text: str) -> CidrRange:
    """An address or address range; bits after the prefix are kept. Raises ValueError if it is neither."""
    _, slash, length = text.partition("/")
    if slash and digits(length) is None:
        raise ValueError(f"{text!r} is no address range: what follows the slash must be a number")
    interface = ip_interface(text)
    return CidrRange(address_prefix=str(interface.ip), prefix_len=UInt32Value(value=interface.network.prefixlen))


def value(text: str) -> ValueMatcher:
    """Match a value of metadata by a wildcard string."""
    return ValueMatcher(string_match=string(text))


def listed(matcher: ValueMatcher) -> ValueMatcher:
    """Match a list that has an element which `matcher` matches."""
    return ValueMatcher(list_match=ListMatcher(one_of=matcher))


def one_of(matchers: Sequence[ValueMatcher]) -> ValueMatcher:
    """Match what one of `matchers` matches."""
    return matchers[0] if len(matchers) == 1 else ValueMatcher(or_match=OrMatcher(value_matchers=matchers))


def metadata(filter_name: str, path: Iterable[str], matcher: ValueMatcher) -> MetadataMatcher:
    """Match the dynamic metadata that a filter has left under `path`."""
    segments = [MetadataMatcher.PathSegment(key=key) for key in path]
    return MetadataMatcher(filter=filter_name, path=segments, value=matcher)
