"""What the streams of one view have in common: an answer of the engine by name, and how two answers differ.

In: answers, which the engine keeps as the same object while they are equal, and shares among the proxies of a view.
Out: mappings and names. Rule: each is computed once, not once per stream; how many are kept is bounded.
"""

from __future__ import annotations

from collections.abc import Mapping

from lateen.controlplane.references import References
from lateen.xds.encode import Encoded

Resources = tuple[Encoded, ...]
KEPT = 256


class Answers:
    """See the module's docstring. Keys are object identities; what is kept keeps its objects alive, so they hold."""

    def __init__(self) -> None:
        self._by_name: dict[int, tuple[Resources, Mapping[str, Encoded]]] = {}
        self.references = References()
        self._changed: dict[tuple[int, int], tuple[Resources, Resources, tuple[str, ...]]] = {}

    def by_name(self, resources: Resources) -> Mapping[str, Encoded]:
        """The answer as a mapping, which nobody may change."""
        found = self._by_name.get(id(resources))
        if found is None:
            if len(self._by_name) >= KEPT:
                del self._by_name[next(iter(self._by_name))]
            found = self._by_name[id(resources)] = (resources, {resource.name: resource for resource in resources})
        return found[1]

    def changed(self, before: Resources, after: Resources) -> tuple[str, ...]:
        """Names that are in one of them only, or differ."""
        found = self._changed.get((id(before), id(after)))
        if found is None:
            if len(self._changed) >= KEPT:
                del self._changed[next(iter(self._changed))]
            names = _difference(self.by_name(before), self.by_name(after))
            found = self._changed[id(before), id(after)] = (before, after, names)
        return found[2]


def _difference(before: Mapping[str, Encoded], after: Mapping[str, Encoded]) -> tuple[str, ...]:
    new = (name for name, resource in after.items() if before.get(name) is not resource)
    old = (name for name in before if name not in after)
    return (*new, *old)
