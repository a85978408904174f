"""`AppStore`: the data that an application shares with its handlers; a store that can be frozen.

Keys should be AppKeys, which know their values' types. Changes after `freeze` work, with a warning.
"""

from __future__ import annotations

import warnings
from typing import Any, ClassVar, TypeVar, overload

from trunkline.web.keys import AppKey, BaseKey, check_key
from trunkline.web.store import KeyedStore

_T = TypeVar("_T")
_D = TypeVar("_D")


# Any: as in KeyedStore.
class AppStore(KeyedStore):
    """Values by AppKey, or by str with a warning."""

    _key_type: ClassVar[type[BaseKey[Any]]] = AppKey
    _state: dict[str | BaseKey[Any], Any]

    def __init__(self) -> None:
        self._state = {}
        self._frozen = False

    @overload
    def __setitem__(self, key: BaseKey[_T], value: _T) -> None: ...
    @overload
    def __setitem__(self, key: str, value: Any) -> None: ...
    def __setitem__(self, key: str | BaseKey[Any], value: Any) -> None:
        self._warn_if_frozen()
        check_key(key, AppKey)
        self._state[key] = value

    def __delitem__(self, key: str | BaseKey[Any]) -> None:
        self._warn_if_frozen()
        del self._state[key]

    @overload  # type: ignore[override]  # Mapping's says nothing of keys that tell their value's type
    def get(self, key: BaseKey[_T], default: None = ...) -> _T | None: ...
    @overload
    def get(self, key: BaseKey[_T], default: _D) -> _T | _D: ...
    @overload
    def get(self, key: str, default: Any = ...) -> Any: ...
    def get(self, key: str | BaseKey[Any], default: Any = None) -> Any:
        """Return the value of `key`, or `default`."""
        return self._state.get(key, default)

    @property
    def frozen(self) -> bool:
        """True when the application serves."""
        return self._frozen

    def freeze(self) -> None:
        """Deprecate changes from now on."""
        self._frozen = True

    def _warn_if_frozen(self) -> None:
        if self._frozen:
            warnings.warn(
                "Changing state of started or joined application is deprecated",
                category=DeprecationWarning,
                stacklevel=3,
            )
