"""`@query`: makes a pure function of the database a remembered one.

In: a function whose first parameter is the database. Out: the same call, answered from memory while nothing that it
read has changed.
Rule: it reads nothing but its arguments and the database; no clock, environment, files or globals that change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar

from lateen.engine.errors import QueryValueError
from lateen.engine.fetch import fetch

if TYPE_CHECKING:
    from lateen.engine.database import Database

P = ParamSpec("P")
R = TypeVar("R")


class Query(Generic[P, R]):
    """A remembered function; compares by identity, so it can itself be an argument."""

    def __init__(self, fn: Callable[Concatenate[Database, P], R]) -> None:
        self.fn = fn
        self.name = fn.__name__
        self.__name__ = fn.__name__
        self.__qualname__ = fn.__qualname__
        self.__module__ = fn.__module__
        self.__doc__ = fn.__doc__

    def __call__(self, db: Database, *args: P.args, **kwargs: P.kwargs) -> R:
        """The function's value for these arguments: hashable, and by position (two spellings would be two memos)."""
        if kwargs:
            raise QueryValueError(f"{self.name}: pass {', '.join(kwargs)} by position")
        value: R = fetch(db, db.memo(self, args))
        return value

    def __repr__(self) -> str:
        return f"<query {self.__module__}.{self.__qualname__}>"


AnyQuery = Query[Any, Any]


def query(fn: Callable[Concatenate[Database, P], R]) -> Query[P, R]:
    """Decorate a pure function `fn(db, *hashable)` that returns a frozen, comparable value."""
    return Query(fn)
