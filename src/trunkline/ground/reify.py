"""`reify`: a property that is computed once and kept in the instance's `_cache` (aiohttp's decorator).

For classes of users: they have a dict `_cache`, so that their instances can do without `__dict__`. Here,
`functools.cached_property` serves.
"""

from collections.abc import Callable
from typing import Any, Generic, Protocol, Self, TypeVar, overload

T = TypeVar("T")


class Caching(Protocol):
    """An instance that has a place for what is kept."""

    _cache: dict[str, Any]  # Any: of any type


class reify(Generic[T]):
    """Make a method a property that is read-only, computed when first read."""

    def __init__(self, wrapped: Callable[[Any], T]) -> None:  # Any: an instance of any class
        self.wrapped = wrapped
        self.name = wrapped.__name__
        self.__doc__ = wrapped.__doc__

    @overload
    def __get__(self, inst: None, owner: type | None = None) -> Self: ...
    @overload
    def __get__(self, inst: Caching, owner: type | None = None) -> T: ...
    def __get__(self, inst: Caching | None, owner: type | None = None) -> T | Self:
        if inst is None:
            return self
        cache = inst._cache
        if self.name not in cache:
            cache[self.name] = self.wrapped(inst)
        value: T = cache[self.name]
        return value

    def __set__(self, inst: Caching, value: object) -> None:
        raise AttributeError(f"{self.name} is computed when it is read; it cannot be set")
