"""`streamer`: a coroutine function that writes a body, as a body (aiohttp's decorator, deprecated since its 3.0).

An async generator does the same and needs no decorator. This module is loaded by those who ask for `streamer`.
"""

from __future__ import annotations

import inspect
import types
import warnings
from collections.abc import Awaitable, Callable
from typing import Any

from trunkline.abc import AbstractStreamWriter
from trunkline.body.payload import Payload, PayloadConsumed
from trunkline.body.registry import payload_type

# `...`: the writer, and what the user's function takes. Any: it need not return anything.
_Write = Callable[..., Awaitable[Any]]


class streamer:
    """Make a body of `coro`, a coroutine function of a writer and further arguments.

    What is decorated is a body, if the function takes the writer only; to call it with the other arguments gives one.
    """

    def __init__(self, coro: Callable[..., Any]) -> None:  # `...`, Any: a coroutine function, or a generator function
        warnings.warn(
            "@streamer is deprecated, use async generators instead",
            DeprecationWarning,
            stacklevel=2,
        )
        self.coro: _Write = coro if inspect.iscoroutinefunction(coro) else types.coroutine(coro)

    def __call__(self, *args: Any, **kwargs: Any) -> Streamed:  # Any: the function's own arguments
        return Streamed(self.coro, args, kwargs)


class Streamed:
    """A decorated function with its arguments."""

    # Any: as in streamer.__call__
    def __init__(self, coro: _Write, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._coro = coro
        self._args = args
        self._kwargs = kwargs

    async def __call__(self, writer: AbstractStreamWriter) -> None:
        await self._coro(writer, *self._args, **self._kwargs)


@payload_type((streamer, Streamed))
class StreamedPayload(Payload):
    """A body that a function writes, once: its arguments may be used up then."""

    __slots__ = ("_is_consumed",)

    def __init__(self, value: streamer | Streamed, *args: Any, **kwargs: Any) -> None:  # Any: as in Payload
        super().__init__(value() if isinstance(value, streamer) else value, *args, **kwargs)
        self._is_consumed = False

    @property
    def consumed(self) -> bool:
        return self._is_consumed

    async def write(self, writer: AbstractStreamWriter) -> None:
        if self._is_consumed:
            raise PayloadConsumed(
                "the body was written by a streamer function and cannot be sent again, for a redirect or a retry;"
                " pass bytes or a seekable file, or allow_redirects=False"
            )
        self._is_consumed = True
        await self._value(writer)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        raise TypeError("a body that a function writes cannot be read here; it is known when it has been sent")
