"""Label and field selectors: which objects a list, a watch or a deletion is about.

In: the selector's text as clients send it. Out: a predicate over objects. The grammar is Kubernetes'
(`a=b,c!=d,e in (x,y),!f`); anything else is refused with a message that names the bad part, and sizes are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from lateen.localcluster.errors import ApiError, bad_request

JSON = dict[str, Any]
MAX_SELECTOR = 32 * 1024
MAX_REQUIREMENTS = 1000
SEPARATOR = ","
TOKEN = re.compile(r"\s*(?:(?P<word>[^\s,()=!]+)|(?P<sign>==|!=|[=!(),]))\s*")
LABEL_KEY = re.compile(
    r"([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
)
LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")

# Fields that Kubernetes lets clients select by, beyond metadata.name and metadata.namespace.
SELECTABLE: Mapping[str, tuple[str, ...]] = {
    "Pod": (
        "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork",
        "status.phase", "status.podIP", "status.nominatedNodeName",
    ),
    "Event": (
        "involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
        "involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason",
        "reportingComponent", "source", "type",
    ),
    "Secret": ("type",),
    "Namespace": ("status.phase",),
    "Node": ("spec.unschedulable",),
    "ReplicaSet": ("status.replicas",),
}  # fmt: skip


class Requirement(msgspec.Struct, frozen=True):
    """One condition: key, operator (`in`, `notin`, `exists`, `missing`) and values."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def holds(self, value: str | None) -> bool:
        if self.operator == "exists":
            return value is not None
        if self.operator == "missing":
            return value is None
        if self.operator == "in":
            return value is not None and value in self.values
        return value is None or value not in self.values


class Selector(msgspec.Struct, frozen=True):
    """Label and field conditions that all must hold. The empty selector selects everything."""

    labels: tuple[Requirement, ...] = ()
    fields: tuple[Requirement, ...] = ()

    @property
    def empty(self) -> bool:
        return not self.labels and not self.fields

    @property
    def only_name(self) -> str | None:
        """The one name that can match, if the selector demands one."""
        for requirement in self.fields:
            if requirement.key == "metadata.name" and requirement.operator == "in" and len(requirement.values) == 1:
                return next(iter(requirement.values))
        return None

    def matches(self, obj: JSON) -> bool:
        labels = obj["metadata"].get("labels") or {}
        if not all(item.holds(labels.get(item.key)) for item in self.labels):
            return False
        return all(item.holds(field_text(obj, item.key)) for item in self.fields)


EVERYTHING = Selector()


def field_text(obj: JSON, path: str) -> str:
    """The value of a dotted path as field selectors compare it: missing means empty."""
    value: Any = obj
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, dict):  # an event's source is selected by its component
        value = value.get("component")
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def parse(label_text: str, field_text_: str, kind: str, extra_fields: tuple[str, ...] = ()) -> Selector:
    """The selector of a request for objects of `kind`. Raises `ApiError` 400."""
    for text in (label_text, field_text_):
        if len(text) > MAX_SELECTOR:
            raise bad_request(f"the selector is longer than {MAX_SELECTOR} characters")
    labels = parse_labels(label_text) if label_text.strip() else ()
    fields = _parse_fields(field_text_, kind, extra_fields) if field_text_.strip() else ()
    return Selector(labels, fields) if labels or fields else EVERYTHING


def parse_labels(text: str) -> tuple[Requirement, ...]:
    """Conditions of a label selector in text form. Raises `ApiError` 400."""
    tokens = _tokens(text)
    found: list[Requirement] = []
    position = 0
    while position < len(tokens):
        requirement, position = _requirement(tokens, position, text)
        found.append(requirement)
        if len(found) > MAX_REQUIREMENTS:
            raise bad_request(f"the selector has more than {MAX_REQUIREMENTS} requirements")
        if position < len(tokens):
            if tokens[position] != "," or position + 1 == len(tokens):
                raise _unparsable(text, f"found '{tokens[position]}', expected: ',' or 'end of string'")
            position += 1
    return tuple(found)


def _tokens(text: str) -> list[str]:
    tokens, position = [], 0
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None:
            raise _unparsable(text, f"unexpected character at {position}")
        tokens.append(match["word"] or match["sign"])
        position = match.end()
    return tokens


def _requirement(tokens: list[str], position: int, text: str) -> tuple[Requirement, int]:
    token = tokens[position]
    if token == "!":  # noqa: S105 - a sign, not a secret
        return Requirement(_key(_at(tokens, position + 1), text), "missing"), position + 2
    key = _key(token, text)
    operator = _at(tokens, position + 1)
    if operator in ("", ","):
        return Requirement(key, "exists"), position + 1
    if operator in ("=", "==", "!="):
        value = _at(tokens, position + 2)
        width = 2 if value in ("", ",") else 3
        value = "" if width == 2 else _value(value, text)
        return Requirement(key, "notin" if operator == "!=" else "in", frozenset({value})), position + width
    if operator in ("in", "notin"):
        return _set_requirement(key, operator, tokens, position + 2, text)
    raise _unparsable(text, f"found '{operator}', expected: in, notin, =, ==, !=")


def _set_requirement(key: str, operator: str, tokens: list[str], position: int, text: str) -> tuple[Requirement, int]:
    if _at(tokens, position) != "(":
        raise _unparsable(text, f"found '{_at(tokens, position)}', expected: '('")
    try:
        end = tokens.index(")", position)
    except ValueError:
        raise _unparsable(text, "expected: ')'") from None
    values = [word for word in tokens[position + 1 : end] if word != SEPARATOR]
    if not values and end == position + 1:
        raise _unparsable(text, "for 'in', 'notin' operators, values set can't be empty")
    return Requirement(key, operator, frozenset(_value(value, text) for value in values)), end + 1


def _at(tokens: list[str], position: int) -> str:
    return tokens[position] if position < len(tokens) else ""


def _key(token: str, text: str) -> str:
    if not LABEL_KEY.fullmatch(token):
        raise _unparsable(text, f"'{token[:80]}' is no valid label key")
    return token


def _value(token: str, text: str) -> str:
    if not LABEL_VALUE.fullmatch(token):
        raise _unparsable(text, f"'{token[:80]}' is no valid label value")
    return token


def _unparsable(text: str, why: str) -> ApiError:
    return bad_request(f'unable to parse requirement: {why} (selector "{text[:200]}")')


def _parse_fields(text: str, kind: str, extra: tuple[str, ...]) -> tuple[Requirement, ...]:
    allowed = {"metadata.name", "metadata.namespace", *SELECTABLE.get(kind, ()), *(path.lstrip(".") for path in extra)}
    found = []
    for part in text.split(","):
        left, equals, value = part.partition("=")
        negated = left.endswith("!")
        key = left.removesuffix("!").strip()
        if not equals or not key:
            raise bad_request(f'invalid field selector "{part[:200]}": expected field=value')
        if key not in allowed:
            raise bad_request(f"field label not supported: {key[:200]}")
        value = (value if negated else value.removeprefix("=")).strip()
        found.append(Requirement(key, "notin" if negated else "in", frozenset({value})))
        if len(found) > MAX_REQUIREMENTS:
            raise bad_request(f"the selector has more than {MAX_REQUIREMENTS} requirements")
    return tuple(found)
