"""Typed keys of the stores that applications, requests and responses are (aiohttp's AppKey, RequestKey, ResponseKey).

A key is equal to itself only, so two libraries that chose the same name never meet. Its name, with the module that
made it, serves messages. A store takes other keys as well and warns about them: an application each time, a request
and a response once for each key, lest every request warn.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any, Final, Generic, TypeVar, get_args

_T = TypeVar("_T")


class NotAppKeyWarning(UserWarning):
    """A store was given a key that is no AppKey, RequestKey or ResponseKey."""


class BaseKey(Generic[_T]):
    """A name and the type of the value kept under it."""

    __slots__ = ("__orig_class__", "_name", "_t")

    # Set by `typing` when a key is made as `AppKey[int]("name")`. Any: that is a private class of `typing`.
    __orig_class__: Any

    def __init__(self, name: str, t: type[_T] | None = None) -> None:
        if not isinstance(name, str):
            raise TypeError(f"name of a key is {name!r}; wanted str")
        self._name: Final = f"{_making_module()}.{name}"
        self._t: Final = t

    def __lt__(self, other: object) -> bool:
        # Before any other key: logging and pprint sort stores that hold strings too.
        return self._name < other._name if isinstance(other, BaseKey) else True

    def __repr__(self) -> str:
        return f"<{type(self).__name__}({self._name}, type={_type_name(self)})>"


class AppKey(BaseKey[_T]):
    """A key of `Application`."""

    __slots__ = ()


class RequestKey(BaseKey[_T]):
    """A key of `Request`."""

    __slots__ = ()


class ResponseKey(BaseKey[_T]):
    """A key of `StreamResponse`."""

    __slots__ = ()


# Keys that requests and responses have warned about; more than this many are not remembered, and warn again.
_MAX_WARNED: Final = 1024
_warned: set[tuple[type[BaseKey[Any]], object]] = set()


def check_key(key: object, wanted: type[BaseKey[Any]]) -> None:  # Any: whatever the key's value is
    """Warn the caller's caller unless `key` is a `wanted`."""
    if not isinstance(key, wanted) and (wanted, key) not in _warned:
        if wanted is not AppKey and len(_warned) < _MAX_WARNED:
            _warned.add((wanted, key))
        warnings.warn(
            f"key {key!r} of type {type(key).__name__} may clash with another library's; use a web.{wanted.__name__}",
            category=NotAppKeyWarning,
            stacklevel=3,
        )


def _making_module() -> str:
    frame = sys._getframe(2)
    # `AppKey[int]("name")` calls us by way of `typing`.
    while frame.f_globals.get("__name__") == "typing" and frame.f_back is not None:
        frame = frame.f_back
    return str(frame.f_globals.get("__name__", "?"))


def _type_name(key: BaseKey[Any]) -> str:  # Any: as above
    t = key._t
    if t is None:
        t = next(iter(get_args(getattr(key, "__orig_class__", None))), None)
    if t is None:
        return "<<Unknown>>"
    if not isinstance(t, type) or get_args(t):
        return repr(t)
    return t.__qualname__ if t.__module__ == "builtins" else f"{t.__module__}.{t.__qualname__}"
