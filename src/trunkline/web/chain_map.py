"""`ChainMapProxy`: several mappings read as one, the first that has the key wins (aiohttp's class of that name).

`Request.config_dict` is one over the applications that lead to a handler, the innermost first. Unlike
`collections.ChainMap` it cannot be written to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NoReturn, TypeVar, overload

from trunkline.web.keys import AppKey

_T = TypeVar("_T")
_D = TypeVar("_D")


# Any: a value may be whatever its users agree on; a typed key tells which.
class ChainMapProxy(Mapping["str | AppKey[Any]", Any]):
    """The items of `maps`, those of an earlier one before those of a later one."""

    __slots__ = ("_maps",)

    def __init__(self, maps: Iterable[Mapping[Any, Any]]) -> None:
        self._maps: Final = tuple(maps)

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError(f"class {cls.__name__} inherits from ChainMapProxy, which is final; keep one as an attribute")

    @overload
    def __getitem__(self, key: AppKey[_T]) -> _T: ...
    @overload
    def __getitem__(self, key: str) -> Any: ...

    def __getitem__(self, key: str | AppKey[Any]) -> Any:
        for mapping in self._maps:
            try:
                return mapping[key]
            except KeyError:
                pass
        raise KeyError(key)

    @overload  # type: ignore[override]  # Mapping's says nothing of keys that tell their value's type
    def get(self, key: AppKey[_T], default: None = ...) -> _T | None: ...
    @overload
    def get(self, key: AppKey[_T], default: _D) -> _T | _D: ...
    @overload
    def get(self, key: str, default: Any = ...) -> Any: ...

    def get(self, key: str | AppKey[Any], default: Any = None) -> Any:
        """Return the value of `key`, or `default`."""
        try:
            return self[key]
        except KeyError:
            return default

    def __len__(self) -> int:
        return len(set().union(*self._maps))

    def __iter__(self) -> Iterator[str | AppKey[Any]]:
        seen: dict[str | AppKey[Any], None] = {}
        for mapping in reversed(self._maps):
            seen.update(dict.fromkeys(mapping))
        return iter(seen)

    def __contains__(self, key: object) -> bool:
        return any(key in mapping for mapping in self._maps)

    def __bool__(self) -> bool:
        return any(self._maps)

    def __repr__(self) -> str:
        return f"ChainMapProxy({', '.join(map(repr, self._maps))})"
