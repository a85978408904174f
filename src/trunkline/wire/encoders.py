"""Encoders of the content codings: gzip, deflate, br, zstd (RFC 9110 §8.4.1).

All libraries offer the same two steps, so one class with two functions serves them all. What is sent when,
and whether the peer accepts the coding, is the caller's.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

from trunkline.wire.limits import MAX_ZSTD_WINDOW_LOG
from trunkline.wire.optional import load_brotli, load_zstd
from trunkline.wire.zlib_backend import zlib_library

_BROTLI_LEVEL = 6  # ngx_brotli's default; the library's own, 11, is meant for files compressed once
_ZSTD_LARGE_WINDOW_LEVEL = 20  # from here on zstd's windows grow beyond what RFC 9659 allows


class Encoder:
    """Puts one content coding on a body; encode() any number of times, then flush() once."""

    __slots__ = ("encode", "flush")

    def __init__(self, encode: Callable[[bytes], bytes], flush: Callable[[], bytes]) -> None:
        self.encode = encode  # returns what is ready, perhaps b""
        self.flush = flush  # returns the rest, and ends the coding


def gzip_encoder(level: int | None, strategy: int | None) -> Encoder:
    return _zlib_encoder("gzip", level, zlib.MAX_WBITS + 16, strategy)


def deflate_encoder(level: int | None, strategy: int | None) -> Encoder:
    return _zlib_encoder("deflate", level, zlib.MAX_WBITS, strategy)


def _zlib_encoder(coding: str, level: int | None, wbits: int, strategy: int | None) -> Encoder:
    _check_level(coding, level, 0, 9)
    library = zlib_library()
    stream = library.compressobj(
        library.Z_DEFAULT_COMPRESSION if level is None else level,
        wbits=wbits,
        strategy=library.Z_DEFAULT_STRATEGY if strategy is None else strategy,
    )
    return Encoder(stream.compress, stream.flush)


def brotli_encoder(level: int | None, strategy: int | None) -> Encoder:
    _check_level("br", level, 0, 11)
    stream = load_brotli().Compressor(quality=_BROTLI_LEVEL if level is None else level)
    return Encoder(stream.process, stream.finish)


def zstd_encoder(level: int | None, strategy: int | None) -> Encoder:
    _check_level("zstd", level, 1, 22)
    zstd = load_zstd()
    options = {zstd.CompressionParameter.compression_level: zstd.COMPRESSION_LEVEL_DEFAULT if level is None else level}
    if level is not None and level >= _ZSTD_LARGE_WINDOW_LEVEL:
        options[zstd.CompressionParameter.window_log] = MAX_ZSTD_WINDOW_LOG
    stream = zstd.ZstdCompressor(options=options)
    return Encoder(stream.compress, stream.flush)


def _check_level(coding: str, level: int | None, lowest: int, highest: int) -> None:
    if level is not None and not lowest <= level <= highest:
        raise ValueError(f"level {level} for {coding}; wanted {lowest} to {highest}, or None for the default")
