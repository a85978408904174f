"""The compression libraries that may be installed: whether they are, and loading them on first use.

Whether they are is told without importing: a session that never meets br or zstd does not pay for them.
"""

from __future__ import annotations

import functools
import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from trunkline.wire.errors import CodingError

_INSTALL = "install it with: pip install trunkline[speedups]"


def has_brotli() -> bool:
    return _is_installed("brotli") or _is_installed("brotlicffi")


def has_zstd() -> bool:
    # _zstd is the C half of compression.zstd; a Python may be built without it.
    return _is_installed("_zstd" if sys.version_info >= (3, 14) else "backports.zstd")


@functools.cache
def load_brotli() -> ModuleType:
    """Import brotli, or its twin for PyPy, or raise CodingError."""
    if not has_brotli():
        raise CodingError(f"content coding 'br' needs the brotli library; {_INSTALL}")
    brotli = import_module("brotli" if _is_installed("brotli") else "brotlicffi")
    # Before 1.2 a decoder could not stop at a bound, so that a small bomb took all memory. (CVE-2025-66471)
    if not hasattr(brotli.Decompressor, "can_accept_more_data"):
        raise CodingError(f"content coding 'br' needs brotli 1.2 or newer; {_INSTALL}")
    return brotli


@functools.cache
def load_zstd() -> ModuleType:
    """Import the standard library's zstd (Python 3.14) or its backport, or raise CodingError."""
    if not has_zstd():
        raise CodingError(f"content coding 'zstd' needs the backports.zstd library; {_INSTALL}")
    return import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")


def _is_installed(module: str) -> bool:
    package = module.rpartition(".")[0]
    # Without its package, find_spec would not answer but raise.
    return (not package or _is_installed(package)) and find_spec(module) is not None
