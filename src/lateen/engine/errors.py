"""Misuse of the engine. Each message names the query and what to do; none of them is a user's mistake."""

from __future__ import annotations

from collections.abc import Sequence

from lateen.engine.memo import Memo


class EngineError(Exception):
    """The engine was used in a way that it does not allow."""


class QueryValueError(EngineError):
    """A query returned, or was given, a value that cannot be remembered."""


class CycleError(EngineError):
    """A query needs its own result; the message shows the path."""

    @classmethod
    def at(cls, label: str, again: str, running: Sequence[Memo]) -> CycleError:
        """`label`: the name of what is needed though it runs, `again`: how to show it; `running`: outermost first."""
        names = [memo.label for memo in running]
        start = names.index(label) if label in names else 0
        path = " -> ".join([*map(repr, running[start:]), again])
        return cls(f"a query needs its own result: {path}; break this circle of reads")
