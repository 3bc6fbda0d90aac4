"""Rules of the house that no linter knows: sizes, module docstrings, no catch-alls named utils."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "lateen"
LONGEST_FUNCTION = 70
LONGEST_FILE = 500
FORBIDDEN_NAMES = {"utils.py", "util.py", "helpers.py", "common.py", "misc.py"}


def files() -> Iterator[Path]:
    """Our own files: generated code is not."""
    return (path for path in sorted(SOURCE.rglob("*.py")) if "proto" not in path.relative_to(SOURCE).parts)


def named(path: Path) -> str:
    return str(path.relative_to(SOURCE))


@pytest.mark.parametrize("path", list(files()), ids=named)
def test_a_file_is_short_says_why_it_exists_and_has_short_functions(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = {f.name: n for f in functions if (n := (f.end_lineno or 0) - f.lineno + 1) > LONGEST_FUNCTION}

    assert text.count("\n") <= LONGEST_FILE
    assert long == {}
    assert ast.get_docstring(tree), "begin with a docstring: why it exists, what goes in and out"


def test_no_file_has_a_name_that_says_nothing() -> None:
    assert [named(path) for path in files() if path.name in FORBIDDEN_NAMES] == []
