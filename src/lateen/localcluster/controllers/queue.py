"""The work queue of one controller: which key is due, which is being worked on, which waits and how long.

In: wake-ups, results and the time (monotonic seconds). Out: keys to work on, and when the next one is due.
Rules: a key is never worked on twice at once; a wake-up during the work causes one more round afterwards; failures
wait exponentially longer, and a success forgets them.
"""

from __future__ import annotations

import heapq

from lateen.localcluster.controllers.model import Key

__all__ = ["WorkQueue"]


class WorkQueue:
    """Deduplicating queue with delays."""

    def __init__(self, first: float = 0.01, longest: float = 10.0) -> None:
        self._first = first
        self._longest = longest
        self._ready: dict[Key, None] = {}
        self._working: set[Key] = set()
        self._again: set[Key] = set()
        self._due: dict[Key, float] = {}
        self._timers: list[tuple[float, Key]] = []
        self._failures: dict[Key, int] = {}

    def add(self, key: Key) -> None:
        """Work on `key` as soon as possible."""
        if key in self._working:
            self._again.add(key)
        else:
            self._due.pop(key, None)
            self._ready[key] = None

    def add_at(self, key: Key, when: float) -> None:
        """Work on `key` at `when`, or earlier if something else asks for it."""
        if key in self._ready or self._due.get(key, when + 1) <= when:
            return
        self._due[key] = when
        heapq.heappush(self._timers, (when, key))

    def take(self, now: float) -> Key | None:
        """A key to work on; call `done` or `failed` with it afterwards."""
        self._ripen(now)
        if not self._ready:
            return None
        key = next(iter(self._ready))
        del self._ready[key]
        self._working.add(key)
        return key

    def done(self, key: Key, now: float, again_in: float | None = None) -> None:
        """The work succeeded."""
        self._working.discard(key)
        self._failures.pop(key, None)
        if key in self._again:
            self._again.discard(key)
            self._ready[key] = None
        elif again_in is not None:
            self.add_at(key, now + again_in)

    def failed(self, key: Key, now: float) -> None:
        """The work failed: try again later, also if it was woken meanwhile, because the cause may be elsewhere."""
        self._working.discard(key)
        self._again.discard(key)
        count = self._failures.get(key, 0)
        self._failures[key] = count + 1
        self.add_at(key, now + min(self._longest, self._first * 2.0 ** min(count, 30)))

    def next_due(self) -> float | None:
        """When the earliest delayed key is due."""
        while self._timers and self._due.get(self._timers[0][1]) != self._timers[0][0]:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    @property
    def idle(self) -> bool:
        """Nothing is ready and nothing is being worked on (delayed keys may exist)."""
        return not self._ready and not self._working

    def _ripen(self, now: float) -> None:
        while (when := self.next_due()) is not None and when <= now:
            _, key = heapq.heappop(self._timers)
            del self._due[key]
            self.add(key)
