"""Build a plain value from one YAML document.

In: the text of one document. Out: its value and first line, or `Trouble`. Rule: the parser's events are taken one by
one and built on a stack of our own: no recursion, so nesting cannot exhaust it; aliases are copied under a budget, so
they cannot explode; a key is unique.
"""

import base64
import binascii
import re
from typing import Any

import msgspec
import yaml
from yaml.cyaml import CParser  # type: ignore[attr-defined] # the stubs leave it out

from lateen.resources.scalars import ScalarError, plain, whole

DEEPEST = 100
_REPAIRS = 100
_FLOW_VALUE = re.compile(r"[^\s,\[\]{}]+")
_BUDGET = 10_000  # values that aliases may add in any document
_PER_CHARACTER = 10  # and so many for each character of it
_TAG = "tag:yaml.org,2002:"
_SCALAR_TAGS = frozenset(("str", "int", "float", "bool", "null", "binary", "timestamp"))


class Trouble(msgspec.Struct, frozen=True):
    """Why a document cannot be read: line and column count from 1 within it."""

    message: str
    line: int
    column: int
    suggestion: str = ""


class Built(msgspec.Struct, frozen=True):
    """A value, and the line (from 1) of the document's text on which it begins."""

    value: Any
    line: int


class _Refused(Exception):  # noqa: N818 - never leaves this module
    """Carries the trouble from where it is noticed to `build`."""

    def __init__(self, message: str, mark: Any, suggestion: str = "") -> None:
        super().__init__(message)
        self.trouble = Trouble(message, mark.line + 1, mark.column + 1, suggestion)


class _Frame:
    """A collection that is being built. In a map `key` is the key that waits for its value, `_NO_KEY` if none does."""

    __slots__ = ("anchor", "key", "merging", "own", "value")

    def __init__(self, value: Any, anchor: str | None) -> None:
        self.value = value
        self.anchor = anchor
        self.key: Any = _NO_KEY
        self.merging: list[dict[str, Any]] = []
        self.own: dict[str, int] = {}  # lines of keys that are written here, not merged


_NO_KEY = object()
_MERGE = object()


def build(text: str) -> Built | Trouble:
    """Return the value of the first document in `text`."""
    for _ in range(_REPAIRS):
        try:
            return _Builder(text).run()
        except _Refused as refused:
            return refused.trouble
        except yaml.MarkedYAMLError as error:
            repaired = _quoted_colon(error, text)
            if repaired is None:
                return _syntax(error, text)
            text = repaired
        except yaml.YAMLError as error:
            return Trouble(str(error), 1, 1)
    return Trouble("has too many flow values that end in a colon", 1, 1, "put them in quotes")


def _quoted_colon(error: yaml.MarkedYAMLError, text: str) -> str | None:
    """Return the text with a flow value such as `2001:db8::` in quotes, which kubectl takes as text and the parser not.

    None if that is not what the error is about.
    """
    if error.problem != "found unexpected ':'" or error.context_mark is None:
        return None
    lines = text.split("\n")
    line, column = error.context_mark.line, error.context_mark.column
    found = _FLOW_VALUE.match(lines[line], column)
    if found is None or "'" in found.group():
        return None
    lines[line] = f"{lines[line][:column]}'{found.group()}'{lines[line][found.end() :]}"
    return "\n".join(lines)


def _syntax(error: yaml.MarkedYAMLError, text: str) -> Trouble:
    """Put the parser's complaint into a place and, where the cause is a usual one, a hint."""
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    lines = text.split("\n")
    shown = lines[line] if line < len(lines) else ""
    hint = ""
    if "\t" in shown[: len(shown) - len(shown.lstrip())]:
        hint = "the line is indented with a tab; use spaces"
    elif "mapping values are not allowed" in (error.problem or ""):
        hint = "check the indentation, and put text that holds ': ' in quotes"
    return Trouble(f"is not YAML: {error.problem or error.context}", line + 1, column + 1, hint)


class _Builder:
    """Takes the events of one document."""

    def __init__(self, text: str) -> None:
        self._parser = CParser(text)
        self._stack: list[_Frame] = []
        self._anchors: dict[str, Any] = {}
        self._open: set[str] = set()
        self._budget = _BUDGET + _PER_CHARACTER * len(text)
        self._result = Built(None, 1)

    def run(self) -> Built:
        """Take events until the document ends; a second document in the same text is refused."""
        documents = 0
        while (event := self._parser.get_event()) is not None:
            if isinstance(event, yaml.ScalarEvent):
                self._put(self._scalar(event), event)
            elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                self._start(event)
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                self._end(event)
            elif isinstance(event, yaml.AliasEvent):
                self._put(self._alias(event), event)
            elif isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _Refused("begins a second document", event.start_mark, "put a line --- before it")
        return self._result

    def _start(self, event: Any) -> None:
        if event.tag is not None and event.tag not in (_TAG + "map", _TAG + "seq", "!"):
            raise _unknown_tag(event)
        if len(self._stack) >= DEEPEST:
            raise _Refused(f"is nested in more than {DEEPEST} levels", event.start_mark)
        if not self._stack:
            self._result = Built(None, event.start_mark.line + 1)
        elif self._is_key():
            raise _Refused("has a list or a map for a key", event.start_mark, "write a text for the key")
        if event.anchor:
            self._open.add(event.anchor)
        self._stack.append(_Frame({} if isinstance(event, yaml.MappingStartEvent) else [], event.anchor))

    def _end(self, event: Any) -> None:
        frame = self._stack.pop()
        for merged in frame.merging:
            for key, value in merged.items():
                frame.value.setdefault(key, value)
        if frame.anchor:
            self._open.discard(frame.anchor)
            self._anchors[frame.anchor] = frame.value
        self._place(frame.value, event)

    def _is_key(self) -> bool:
        frame = self._stack[-1]
        return isinstance(frame.value, dict) and frame.key is _NO_KEY

    def _put(self, value: Any, event: Any) -> None:
        """Place a scalar or an alias, which in a map may be a key."""
        if self._stack and self._is_key():
            self._key(value, event)
        else:
            self._place(value, event)

    def _key(self, value: Any, event: Any) -> None:
        frame = self._stack[-1]
        if isinstance(event, yaml.ScalarEvent) and event.value == "<<" and event.implicit[0]:
            frame.key = _MERGE
            return
        key = _key_text(value, event)
        if key in frame.own:
            raise _Refused(f"has the key {key!r} a second time (first on line {frame.own[key]})", event.start_mark)
        frame.own[key] = event.start_mark.line + 1
        frame.key = key

    def _place(self, value: Any, event: Any) -> None:
        """Put a finished value where it belongs."""
        if not self._stack:
            line = self._result.line if isinstance(value, dict | list) else event.start_mark.line + 1
            self._result = Built(value, line)
            return
        frame = self._stack[-1]
        if isinstance(frame.value, list):
            frame.value.append(value)
        elif frame.key is _MERGE:
            frame.merging.extend(_merged(value, event))
            frame.key = _NO_KEY
        else:
            frame.value[frame.key] = value
            frame.key = _NO_KEY

    def _scalar(self, event: Any) -> Any:
        try:
            value = _value_of(event)
        except ScalarError as error:
            raise _Refused(str(error), event.start_mark, "put it in quotes if it is meant as text") from error
        if event.anchor:
            self._anchors[event.anchor] = value
        return value

    def _alias(self, event: Any) -> Any:
        name = event.anchor
        if name in self._open:
            raise _Refused(f"has the alias *{name} inside of what it stands for", event.start_mark)
        if name not in self._anchors:
            raise _Refused(f"has the alias *{name}, which stands for nothing", event.start_mark, f"write &{name} first")
        return self._copy(self._anchors[name], event, len(self._stack))

    def _copy(self, value: Any, event: Any, depth: int) -> Any:
        """Return a copy of an anchored value; its depth is bounded, its size is taken from the budget."""
        self._budget -= 1 + (len(value) if isinstance(value, str) else 0)
        if self._budget < 0 or depth > DEEPEST:
            raise _Refused("has aliases that stand for far too much", event.start_mark)
        if isinstance(value, dict):
            return {key: self._copy(item, event, depth + 1) for key, item in value.items()}
        if isinstance(value, list):
            return [self._copy(item, event, depth + 1) for item in value]
        return value


def _unknown_tag(event: Any) -> _Refused:
    tag = event.tag.replace(_TAG, "!!")[:60]
    return _Refused(f"has the tag {tag}, which manifests do not use", event.start_mark, "remove the tag")


def _value_of(event: Any) -> Any:
    """Return the value of a scalar event by its style and its tag."""
    if event.tag in (None, "!"):
        return plain(event.value) if event.implicit[0] and event.tag is None else event.value
    name = event.tag.removeprefix(_TAG)
    if name not in _SCALAR_TAGS or not event.tag.startswith(_TAG):
        raise _unknown_tag(event)
    if name in ("str", "timestamp"):
        return event.value
    if name == "binary":
        return _binary(event.value)
    value = plain(event.value)
    fits = {"int": int, "float": int | float, "bool": bool, "null": type(None)}[name]
    if not isinstance(value, fits) or (isinstance(value, bool) and name != "bool"):
        raise ScalarError(f"{event.value!r} is no {name}")
    return value


def _binary(text: str) -> str:
    try:
        return base64.b64decode(text).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ScalarError("is no base64 of a text") from error


def _key_text(value: Any, event: Any) -> str:
    """Return the text of a key: JSON has no other keys."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return str(whole(value))
    raise _Refused("has a key that is empty or a collection", event.start_mark, "write a text for the key")


def _merged(value: Any, event: Any) -> list[dict[str, Any]]:
    """Return the maps that a merge key names, in the order of their precedence."""
    maps = value if isinstance(value, list) else [value]
    if not all(isinstance(item, dict) for item in maps):
        raise _Refused("merges something that is no map", event.start_mark)
    return maps
