"""A unit awaits nothing but its own statements: kept here for engines whose statements really wait.

On SQLite a unit runs to its end without the loop; where a unit could wait for anything else, it would hold locks of
the database meanwhile, and what passes on one engine would fail on the other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine, Generator
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")


class Busy(Protocol):
    """Something that knows whether a statement of it is under way."""

    busy: bool


class Driven(Generic[T]):
    """`work`, awaited; RuntimeError in its place when it waits while `session` runs no statement."""

    __slots__ = ("_session", "_work")

    def __init__(self, work: Awaitable[T], session: Busy) -> None:
        assert isinstance(work, Coroutine)
        self._work = work
        self._session = session

    def __await__(self) -> Generator[Any, Any, T]:
        work, session = self._work, self._session
        value: Any = None
        error: BaseException | None = None
        while True:
            try:
                awaited = work.send(value) if error is None else work.throw(error)
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]
            if not session.busy:
                work.close()
                raise RuntimeError("a unit may await nothing but its own statements")
            try:
                value, error = (yield awaited), None
            except GeneratorExit:
                work.close()
                raise
            except BaseException as thrown:  # a cancellation: the work has its say
                value, error = None, thrown
