"""`CleanupContext`: what an application enters when it starts and leaves when it ends.

Contexts are entered in the order of the list and left in the reverse one. A context is left if, and only if, it was
entered: after a start that failed half way, `leave` ends exactly those that had begun.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, cast

from frozenlist import FrozenList

# Any: an application, whose class stands above this module.
_Callback = Callable[[Any], "AsyncIterator[None] | AbstractAsyncContextManager[object]"]


class CleanupError(RuntimeError):
    """Several contexts failed while they were left."""

    @property
    def exceptions(self) -> list[BaseException]:
        """The errors, in the order in which they happened."""
        return cast("list[BaseException]", self.args[1])


class CleanupContext(FrozenList[_Callback]):
    """A list of functions that take the application and return a context: an async generator or context manager."""

    def __init__(self) -> None:
        super().__init__()
        self._entered: list[AbstractAsyncContextManager[object]] = []

    async def enter(self, app: Any) -> None:
        """Enter the contexts for `app`; the first error ends this."""
        for callback in self:
            context = _as_context_manager(callback(app))
            await context.__aenter__()
            self._entered.append(context)

    async def leave(self, app: Any) -> None:
        """Leave what was entered, all of it, then raise: the one error, CancelledError, or a CleanupError."""
        errors: list[BaseException] = []
        while self._entered:
            try:
                await self._entered.pop().__aexit__(None, None, None)
            except (Exception, asyncio.CancelledError) as error:
                errors.append(error)
        if len(errors) == 1:
            raise errors[0]
        if errors:
            _raise_all(errors)


def _as_context_manager(made: object) -> AbstractAsyncContextManager[object]:
    if isinstance(made, AbstractAsyncContextManager):
        return made
    if isinstance(made, AsyncIterator):
        return asynccontextmanager(lambda: made)()
    raise TypeError(
        f"a cleanup_ctx function returned {made!r}; make it an async generator that yields once, "
        "or let it return an async context manager"
    )


def _raise_all(errors: list[BaseException]) -> None:
    failure = CleanupError("Multiple errors on cleanup stage", errors)
    for error in errors:
        if isinstance(error, asyncio.CancelledError):
            raise error from failure
    raise failure
