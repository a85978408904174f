"""Which library does zlib's work: the standard library's, or a faster one that users chose for the whole process.

Encoders and decoders ask when they are made, so that a choice holds for the messages that begin after it.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any, Final, Protocol

_NEEDED: Final = (
    "DEFLATED",
    "MAX_WBITS",
    "Z_DEFAULT_COMPRESSION",
    "Z_DEFAULT_STRATEGY",
    "Z_SYNC_FLUSH",
    "compressobj",
    "decompressobj",
    "error",
)


class ZlibLibrary(Protocol):
    """What is used of `zlib`, or of a module that has the same."""

    DEFLATED: int
    MAX_WBITS: int
    Z_DEFAULT_COMPRESSION: int
    Z_DEFAULT_STRATEGY: int
    Z_SYNC_FLUSH: int

    @property
    def error(self) -> type[Exception]: ...
    @property
    def compressobj(self) -> Callable[..., Any]: ...  # Any: as in zlib; each library has types of its own
    @property
    def decompressobj(self) -> Callable[..., Any]: ...  # Any: the same


_library: ZlibLibrary = zlib


def set_zlib_backend(new_zlib_backend: ZlibLibrary) -> None:
    """Let `new_zlib_backend` compress and decompress from now on: `zlib_ng.zlib_ng`, `isal.isal_zlib`, or `zlib`.

    Raises TypeError for a module without zlib's interface.
    """
    global _library
    missing = [name for name in _NEEDED if not hasattr(new_zlib_backend, name)]
    if missing:
        raise TypeError(
            f"{new_zlib_backend!r} has no {', '.join(missing)}; pass a module with zlib's interface, such as zlib,"
            " zlib_ng.zlib_ng or isal.isal_zlib"
        )
    _library = new_zlib_backend


def zlib_library() -> ZlibLibrary:
    """Return the library to use."""
    return _library
