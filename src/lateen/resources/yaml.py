"""Read manifests as kubectl does: YAML with its conventions, or JSON; several documents in one text.

In: text and the name to call it by. Out: documents, each a plain value or the findings that say why not, with lines
and columns. Rule: never an exception and never more work than the text is worth: size, depth and what aliases expand
to are bounded. The stream is cut at `---` lines first, so one bad document does not hide its neighbours.
"""

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from lateen.resources.findings import Finding
from lateen.resources.model import Origin
from lateen.resources.yaml_build import Trouble, build
from lateen.resources.yaml_positions import locate

__all__ = ["Document", "load_all", "load_one", "locate"]

LARGEST = 64 * 1024 * 1024  # characters in one text
MOST_DOCUMENTS = 50_000
_SEPARATOR = re.compile(r"^---(?=[ \t\r\n]|$)", re.MULTILINE)
_SPACE = re.compile(r"\s*")
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_YAML = "LTN0110"


class Document(msgspec.Struct, frozen=True):
    """One document. `value` is None if there are findings. `line` is where its text begins (from 1).

    `text` is for `locate`.
    """

    value: Any
    line: int
    findings: tuple[Finding, ...] = ()
    text: str = ""


def load_all(text: str, filename: str) -> list[Document]:
    """Return the documents of a text in order, without empty ones.

    A text that cannot be read at all is one document.
    """
    text = text.removeprefix("\ufeff")
    problem = _unreadable(text)
    if problem is not None:
        return [_refused(problem, filename, 1, "")]
    if text.lstrip()[:1] == "{":
        documents = _json(text)
        if documents is not None:
            return documents
    if sum(1 for _ in itertools.islice(_SEPARATOR.finditer(text), MOST_DOCUMENTS + 1)) > MOST_DOCUMENTS:
        return [_refused(Trouble(f"has more than {MOST_DOCUMENTS} documents", 1, 1, "split it"), filename, 1, "")]
    return [_document(chunk, line, filename) for line, chunk in _chunks(text)]


def load_one(text: str, filename: str) -> Document:
    """Return the only document of a text; more than one is a finding, none is a document whose value is None."""
    documents = load_all(text, filename)
    if not documents:
        return Document(None, 1)
    if len(documents) > 1:
        trouble = Trouble(
            "holds more than one document", documents[1].line, 1, "remove the second one, or the line ---"
        )
        return _refused(trouble, filename, 1, text)
    return documents[0]


def _unreadable(text: str) -> Trouble | None:
    """Return what makes the whole text unreadable: its size, or a character that no manifest may hold."""
    if len(text) > LARGEST:
        return Trouble(f"is {len(text)} characters long; {LARGEST} are allowed", 1, 1)
    found = _FORBIDDEN.search(text)
    if found is None:
        return None
    line = text.count("\n", 0, found.start()) + 1
    column = found.start() - text.rfind("\n", 0, found.start())
    message = f"has the character U+{ord(found.group()):04X}, which YAML does not allow"
    return Trouble(message, line, column, "is this a text file in UTF-8?")


def _chunks(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each document that is more than blanks and comments."""
    starts = [0, *(found.start() for found in _SEPARATOR.finditer(text)), len(text)]
    line, begin = 1, 0
    for end in starts[1:]:
        chunk = text[begin:end]
        content = _first_content(chunk)
        if content.startswith("%") and end < len(text):
            continue  # directives such as %YAML belong to the document that follows
        if content:
            yield line, chunk
        line += chunk.count("\n")
        begin = end


def _first_content(chunk: str) -> str:
    """Return the first line that is neither blank nor a comment; "" if there is none."""
    for line in chunk.removeprefix("---").splitlines():
        content = line.strip()
        if content and not content.startswith("#"):
            return content
    return ""


def _document(chunk: str, line: int, filename: str) -> Document:
    """Return one document."""
    result = build(chunk)
    if isinstance(result, Trouble):
        return _refused(result, filename, line, chunk)
    shown = chunk.split("\n", result.line - 1)[-1] if result.line > 1 else chunk
    return Document(result.value, line + result.line - 1, (), shown)


def _refused(trouble: Trouble, filename: str, line: int, chunk: str) -> Document:
    """Return the document that stands for a text that cannot be read."""
    at = line + trouble.line - 1
    finding = Finding(
        code=_NOT_YAML,
        severity="error",
        message=f"column {trouble.column}: {trouble.message}",
        origin=Origin(filename, at),
        suggestion=trouble.suggestion,
    )
    return Document(None, at, (finding,), chunk)


class _DuplicateKeyError(ValueError):
    """A JSON object has a key twice."""


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise _DuplicateKeyError
    return result


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _after_space(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return position if found is None else found.end()


def _json(text: str) -> list[Document] | None:
    """Return the JSON documents of a text.

    None if it is not JSON throughout (the YAML reader then says where it is wrong).
    """
    decoder = json.JSONDecoder(object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    documents, position, line = [], 0, 1
    try:
        while position < len(text):
            start = _after_space(text, position)
            if start == len(text):
                break
            line += text.count("\n", position, start)
            value, position = decoder.raw_decode(text, start)
            documents.append(Document(value, line, (), text[start:position]))
            line += text.count("\n", start, position)
    except (ValueError, RecursionError):
        return None
    return documents
