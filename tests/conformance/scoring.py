"""From a suite to its score.

In: a `Suite` and the comparison for it. Out: `Score`, with the failing cases and the reason of each. Rule: a case
passes as a whole or fails; a crash while comparing is that case's failure, with the error as its reason; a suite that
has no comparison scores 0 of all its cases.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.conformance.corpus import Case, Suite


class MismatchError(AssertionError):
    """What was produced differs from what the case expects; the message shows how."""


class NotScoredError(Exception):
    """The case says of itself that it is not to be scored."""


Comparison = Callable[[Suite, Case], None]
"""Run one case. Returns if it passes; raises MismatchError if not, NotScoredError if it does not count."""


@dataclass(frozen=True)
class Score:
    """One suite's result: how many cases count, and why each failing one fails."""

    name: str
    total: int
    failures: Mapping[str, str]

    @property
    def passed(self) -> int:
        """How many cases passed."""
        return self.total - len(self.failures)


def _reason(compare: Comparison, suite: Suite, case: Case) -> str | None:
    try:
        compare(suite, case)
    except NotScoredError:
        raise
    except MismatchError as difference:
        return str(difference)
    except Exception as error:  # whatever the product raises fails this case, and the others go on
        return f"{type(error).__name__}: {error}"
    return None


def score(suite: Suite, compare: Comparison | None) -> Score:
    """Run every case of `suite`; with no comparison every case fails."""
    failures: dict[str, str] = {}
    total = 0
    for case in suite.cases:
        try:
            reason = _reason(compare, suite, case) if compare else "this suite is not supported yet"
        except NotScoredError:
            continue
        total += 1
        if reason is not None:
            failures[case["name"]] = reason
    return Score(suite.name, total, failures)
