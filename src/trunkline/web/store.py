"""`KeyedStore`: what requests and responses share with middlewares and signals, by key.

The dict is made when something is stored, which most requests never do.
"""

from collections.abc import Iterator, MutableMapping
from typing import Any, ClassVar, TypeVar, overload

from trunkline.web.keys import BaseKey, check_key

_T = TypeVar("_T")


# Any: a value may be whatever its users agree on; a typed key tells which.
class KeyedStore(MutableMapping[str | BaseKey[Any], Any]):
    """A mapping that is equal to itself only, and always true."""

    _key_type: ClassVar[type[BaseKey[Any]]]
    _state: dict[str | BaseKey[Any], Any] | None = None

    @overload
    def __getitem__(self, key: BaseKey[_T]) -> _T: ...
    @overload
    def __getitem__(self, key: str) -> Any: ...
    def __getitem__(self, key: "str | BaseKey[_T]") -> Any:
        if self._state is None:
            raise KeyError(key)
        return self._state[key]

    @overload
    def __setitem__(self, key: BaseKey[_T], value: _T) -> None: ...
    @overload
    def __setitem__(self, key: str, value: Any) -> None: ...
    def __setitem__(self, key: "str | BaseKey[_T]", value: Any) -> None:
        check_key(key, self._key_type)
        if self._state is None:
            self._state = {}
        self._state[key] = value

    def __delitem__(self, key: "str | BaseKey[_T]") -> None:
        if self._state is None:
            raise KeyError(key)
        del self._state[key]

    def __len__(self) -> int:
        return 0 if self._state is None else len(self._state)

    def __iter__(self) -> "Iterator[str | BaseKey[Any]]":
        return iter(self._state or ())

    def __bool__(self) -> bool:
        return True  # with nothing stored, too

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__
