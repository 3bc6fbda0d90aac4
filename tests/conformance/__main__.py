"""The command: `python -m tests.conformance --corpus DIR [--suite NAME]... [--json] [--reasons]`.

Prints `NAME passed/total` for each suite, then one line `NAME CASE` per failing case. Exit code 0 only if everything
passes, 1 if a case fails, 2 if the corpus or an argument is wrong.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.conformance.corpus import CorpusError, load
from tests.conformance.scoring import Score, score
from tests.conformance.suites import COMPARISONS


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description="Score a conformance corpus.")
    parser.add_argument("--corpus", type=Path, required=True, metavar="DIR", help="folder with one folder per suite")
    parser.add_argument("--suite", action="append", default=[], metavar="NAME", help="only this suite; may be repeated")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of text")
    parser.add_argument("--reasons", action="store_true", help="print why each failing case fails")
    return parser.parse_args(argv)


def _as_json(scores: Sequence[Score]) -> str:
    suites = [
        {
            "name": s.name,
            "passed": s.passed,
            "total": s.total,
            "failed": [{"name": n, "reason": r} for n, r in s.failures.items()],
        }
        for s in scores
    ]
    return json.dumps(
        {"suites": suites, "passed": sum(s.passed for s in scores), "total": sum(s.total for s in scores)}, indent=2
    )


def _as_text(scores: Sequence[Score], reasons: bool) -> str:
    lines = [f"{s.name} {s.passed}/{s.total}" for s in scores]
    for s in scores:
        lines += [f"{s.name} {case}" + (f": {reason}" if reasons else "") for case, reason in s.failures.items()]
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    arguments = _arguments(argv)
    try:
        suites = load(arguments.corpus, tuple(arguments.suite))
    except CorpusError as error:
        print(f"conformance: {error}", file=sys.stderr)
        return 2
    scores = [score(suite, COMPARISONS.get(suite.name)) for suite in suites]
    print(_as_json(scores) if arguments.json else _as_text(scores, arguments.reasons))
    return 1 if any(s.failures for s in scores) else 0


if __name__ == "__main__":
    sys.exit(main())
