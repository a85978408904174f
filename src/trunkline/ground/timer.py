"""`TimerNoop`: the `timer=` of responses that are made without a request, by test doubles (aiohttp's class).

Nothing is timed with it: deadlines are the connection's and the pool's, and a response takes a timer to be compatible.
"""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from types import TracebackType


class BaseTimerContext(AbstractContextManager["BaseTimerContext"], ABC):
    """Something that may limit the time of what runs in it."""

    def __enter__(self) -> "BaseTimerContext":
        return self

    @abstractmethod
    def assert_timeout(self) -> None:
        """Raise TimeoutError when the time is over."""


class TimerNoop(BaseTimerContext):
    """Limits nothing."""

    def assert_timeout(self) -> None:
        """Do nothing: there is always time left."""

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Do nothing."""
