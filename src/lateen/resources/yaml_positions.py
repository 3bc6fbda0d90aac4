"""Where in a text a field is.

In: the text of one document and a path such as `spec.http[0].route[1].weight`. Out: line and column.
Rule: positions are looked for only when something is to be said about a field; reading never pays for them.
"""

import re
from typing import Any

import yaml

_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]|\[(?:'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\")\]")


def locate(text: str, path: str, first_line: int = 1) -> tuple[int, int]:
    """Return line and column (both from 1) of the field at `path`, or of its nearest ancestor that is written.

    `text` is a document that `load_all` could read; `first_line` is the line of its file on which the text begins.
    """
    try:
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError:
        return first_line, 1
    mark: Any = node.start_mark if node is not None else None
    for name, index in _steps(path):
        found = _child(node, name, index)
        if found is None:
            break
        mark, node = found
    return (first_line + mark.line, mark.column + 1) if mark is not None else (first_line, 1)


def _steps(path: str) -> list[tuple[str, int]]:
    """Return the steps of a path: a name and -1, or "" and an index."""
    steps = []
    for name, index, single, double in _STEP.findall(path):
        if index:
            steps.append(("", int(index)))
        else:
            steps.append((name or (single or double).replace("\\'", "'").replace("\\\\", "\\"), -1))
    return steps


def _child(node: Any, name: str, index: int) -> tuple[Any, Any] | None:
    """Return the mark and the node of a child, or None if it is not written."""
    if isinstance(node, yaml.SequenceNode):
        return (node.value[index].start_mark, node.value[index]) if 0 <= index < len(node.value) else None
    if not isinstance(node, yaml.MappingNode):
        return None
    wanted = name or str(index)
    return next(((key.start_mark, value) for key, value in node.value if key.value == wanted), None)
