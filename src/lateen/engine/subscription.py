"""Standing interest in a query: how the owner of open streams learns whom to ask again, at the cost of what changed.

Rule: a subscription is reported once when its value may have changed, and not again before it has been read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lateen.engine.errors import EngineError
from lateen.engine.fetch import fetch

if TYPE_CHECKING:
    from lateen.engine.database import Database
    from lateen.engine.memo import Memo


class Subscription:
    """Made by `Database.subscribe`; keeps its memo, and what that needs, from being swept."""

    __slots__ = ("_db", "closed", "memo", "serial")

    def __init__(self, db: Database, memo: Memo, serial: int) -> None:
        self._db = db
        self.memo = memo
        self.serial = serial
        self.closed = False
        memo.subscriptions.append(self)

    def read(self) -> Any:
        """The query's present value; the same object as last time if it is equal. Raises `EngineError` once closed."""
        if self.closed:
            raise EngineError(f"the subscription of {self.memo!r} is closed")
        value = fetch(self._db, self.memo)
        self._db.dirty.pop(self, None)
        return value

    def close(self) -> None:
        """Give up the interest, and the value if nobody else needs it; closing twice is allowed.

        What the value was made of stays until a sweep: others may ask for it, or the same client again.
        """
        if self.closed:
            return
        self.closed = True
        self._db.dirty.pop(self, None)
        self.memo.subscriptions.remove(self)
        if self.memo.home is not None and not self.memo.subscriptions and not self.memo.dependents:
            self.memo.home.pop(self.memo.key, None)
            self.memo.detach()
