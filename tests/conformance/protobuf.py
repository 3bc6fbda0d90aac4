"""Equality as protobuf: parse into the named type and compare the messages, contents of `Any` decoded.

An absent field and a default value are the same, maps have no order. The comparison is on the JSON form, because the
bytes inside an `Any` are not in one order only.
"""

import difflib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf import json_format, message_factory
from google.protobuf.descriptor_pool import Default
from google.protobuf.message import Message

from tests.conformance.scoring import MismatchError


def parse(type_name: str, value: Mapping[str, Any]) -> Message:
    """A message of the type with that full name, from its JSON form. The module of the type must have been imported."""
    message = message_factory.GetMessageClass(Default().FindMessageTypeByName(type_name))()
    return json_format.ParseDict(dict(value), message)


def _plain(message: Message) -> dict[str, Any]:
    return json_format.MessageToDict(message)  # type: ignore[no-any-return]


def require_equal(found: Sequence[Message], expected: Sequence[Message]) -> None:
    """Raise MismatchError unless both lists are equal, element by element."""
    if len(found) != len(expected):
        raise MismatchError(f"{len(found)} messages, expected {len(expected)}")
    for index, (one, other) in enumerate(zip(found, expected, strict=True)):
        if type(one) is not type(other):
            raise MismatchError(
                f"message {index} is a {one.DESCRIPTOR.full_name}, expected a {other.DESCRIPTOR.full_name}"
            )
        if _plain(one) != _plain(other):
            raise MismatchError(f"message {index}:\n{_difference(_plain(one), _plain(other))}")


def _difference(found: dict[str, Any], expected: dict[str, Any]) -> str:
    lines = [json.dumps(value, indent=1, sort_keys=True).splitlines() for value in (expected, found)]
    return "\n".join(difflib.unified_diff(*lines, "expected", "found", lineterm="", n=3))
