"""What `session.get(…)` returns: await it for the response, or enter it to have the response released at the end."""

from collections.abc import Coroutine, Generator
from types import TracebackType
from typing import Any, Generic, TypeVar

from trunkline.client.response import ClientResponse

R = TypeVar("R", bound=ClientResponse)


class RequestContext(Coroutine[Any, Any, R], Generic[R]):  # Any: what the loop sends and gets
    """One request that is sent when it is awaited or entered."""

    __slots__ = ("_coroutine", "_resp")

    def __init__(self, coroutine: Coroutine[Any, Any, R]) -> None:
        self._coroutine = coroutine

    def send(self, value: None) -> Any:
        return self._coroutine.send(value)

    def throw(self, *args: Any) -> Any:
        return self._coroutine.throw(*args)

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Generator[Any, None, R]:
        return self._coroutine.__await__()

    def __iter__(self) -> Generator[Any, None, R]:
        return self.__await__()

    async def __aenter__(self) -> R:
        response = self._resp = await self._coroutine
        return response

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        response = self._resp
        # One that was read gave its connection back long ago. Test doubles may lack the attribute.
        if not getattr(response, "is_read", False):
            response.release()
            await response.wait_for_close()
