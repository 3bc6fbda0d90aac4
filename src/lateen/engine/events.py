"""What the engine did, for tests and metrics: which queries and which entries of collections really ran."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of a query (`name` is the function's) or of a collection's function (`name` is the collection's)."""

    name: str
    key: tuple[Hashable, ...]

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.key))})"


class Log(list[Ran]):
    """Runs in order, as `Database.recording` collects them."""

    def names(self) -> set[str]:
        return {ran.name for ran in self}

    def counts(self) -> Counter[str]:
        return Counter(ran.name for ran in self)

    def runs_of(self, name: str) -> list[tuple[Hashable, ...]]:
        return [ran.key for ran in self if ran.name == name]
