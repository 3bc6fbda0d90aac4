"""Reading a corpus: one folder per suite, each with a `cases.json`.

In: the corpus folder. Out: `Suite` values. Rule: paths in a case are relative to the suite's folder, and an absent
field has its zero value, so a comparison reads cases with `.get` and files through the suite.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Case = Mapping[str, Any]


class CorpusError(Exception):
    """The corpus cannot be read; the message names the folder or file and what is wrong with it."""


@dataclass(frozen=True)
class Suite:
    """One suite: its name, its folder, the facts that hold for all of its cases, and the cases in order."""

    name: str
    folder: Path
    facts: Mapping[str, Any] = field(default_factory=dict)
    cases: tuple[Case, ...] = ()

    @property
    def setup(self) -> Mapping[str, Any]:
        """Facts for all cases, `{}` if the suite gives none."""
        return self.facts.get("setup") or {}

    def text(self, path: str) -> str:
        """The content of a file that a case names."""
        return (self.folder / path).read_text(encoding="utf-8")


def _suite(folder: Path) -> Suite:
    file = folder / "cases.json"
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise CorpusError(f"{file}: not a readable JSON file: {error}") from error
    cases = facts.get("cases") if isinstance(facts, dict) else None
    if not isinstance(cases, list) or not all(isinstance(case, dict) and "name" in case for case in cases):
        raise CorpusError(f"{file}: expected an object with a list `cases` whose elements have a `name`")
    return Suite(str(facts.get("suite") or folder.name), folder, facts, tuple(cases))


def _folders(corpus: Path) -> Iterator[Path]:
    if not corpus.is_dir():
        raise CorpusError(f"{corpus}: no such folder; give the folder that holds one folder per suite")
    if (corpus / "cases.json").is_file():
        yield corpus
    yield from sorted(folder for folder in corpus.iterdir() if (folder / "cases.json").is_file())


def load(corpus: Path, names: tuple[str, ...] = ()) -> tuple[Suite, ...]:
    """Read the suites of a corpus (or one suite's own folder), all or only those named.

    Raises CorpusError, also for a name that it lacks.
    """
    suites = tuple(_suite(folder) for folder in _folders(corpus))
    known = [suite.name for suite in suites]
    missing = [name for name in names if name not in known]
    if missing:
        raise CorpusError(f"{corpus}: no suite {', '.join(missing)}; it has {', '.join(known) or 'none'}")
    if not suites:
        raise CorpusError(f"{corpus}: no folder with a cases.json in it")
    return tuple(suite for suite in suites if not names or suite.name in names)
