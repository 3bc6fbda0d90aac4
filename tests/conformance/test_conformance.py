"""The ratchet: every case of the corpus passes, except those that `ratchet.txt` lists, and the list only shrinks."""

import os
from pathlib import Path

import pytest

from tests.conformance.corpus import Suite, load
from tests.conformance.scoring import score
from tests.conformance.suites import COMPARISONS

ROOT = Path(__file__).resolve().parents[2]
CORPUS = Path(os.environ.get("LATEEN_SHARED", ROOT.parent / "shared")) / "conformance"
RATCHET = Path(__file__).with_name("ratchet.txt")

pytestmark = pytest.mark.skipif(
    not CORPUS.is_dir(), reason=f"no corpus at {CORPUS}: set LATEEN_SHARED to the folder that holds `conformance`"
)


def listed(suite: str) -> set[str]:
    """The cases of one suite that are known not to pass yet: lines `SUITE CASE` of the ratchet file."""
    lines = (
        line.split(" ", 1)
        for line in RATCHET.read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    )
    return {case for name, case in lines if name == suite}


def suites() -> list[Suite]:
    """Every suite of the corpus; empty where there is no corpus, so that collecting works and the mark skips."""
    return list(load(CORPUS)) if CORPUS.is_dir() else []


@pytest.mark.parametrize("suite", suites(), ids=lambda suite: suite.name)
def test_suite_fails_only_where_the_ratchet_says_so(suite: Suite) -> None:
    failures = score(suite, COMPARISONS.get(suite.name)).failures
    known = listed(suite.name)

    new = {case: reason for case, reason in failures.items() if case not in known}
    now_passing = sorted(known - set(failures))

    assert not new, f"cases of {suite.name} that should pass: {new}"
    assert not now_passing, f"these cases of {suite.name} pass now: take them out of {RATCHET.name}: {now_passing}"


def test_ratchet_names_only_suites_of_the_corpus() -> None:
    known = {suite.name for suite in suites()}
    named = {
        line.split(" ", 1)[0]
        for line in RATCHET.read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    }

    assert named <= known
