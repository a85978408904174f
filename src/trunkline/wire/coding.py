"""Content codings by name: which decoder, which encoder, what to accept (RFC 9110 §8.4.1, §12.5.3).

br and zstd need libraries, which are loaded on first use. How the codings work is told in `decoders` and
`encoders`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from trunkline.wire.decoders import (
    BrotliDecoder,
    Decoder,
    DeflateDecoder,
    GzipDecoder,
    StackedDecoder,
    ZstdDecoder,
)
from trunkline.wire.encoders import Encoder, brotli_encoder, deflate_encoder, gzip_encoder, zstd_encoder
from trunkline.wire.errors import CodingError
from trunkline.wire.limits import MAX_CODINGS
from trunkline.wire.optional import has_brotli, has_zstd

__all__ = ("Decoder", "Encoder", "accept_encoding", "make_decoder", "make_encoder")

_DECODERS: dict[str, Callable[[], Decoder]] = {
    "gzip": GzipDecoder,
    "x-gzip": GzipDecoder,  # RFC 9110 §8.4.1.3: equivalent
    "deflate": DeflateDecoder,
    "br": BrotliDecoder,
    "zstd": ZstdDecoder,
}
_ENCODERS: dict[str, Callable[[int | None, int | None], Encoder]] = {
    "gzip": gzip_encoder,
    "deflate": deflate_encoder,
    "br": brotli_encoder,
    "zstd": zstd_encoder,
}


def make_decoder(codings: Sequence[str]) -> Decoder | None:
    """Return a decoder for `codings`, the members of Content-Encoding in their order.

    None means that the body stays as it is: nothing was applied, or something that we do not know.
    Raises CodingError for too many codings, or one whose library is not installed.
    """
    applied = [name for coding in codings if (name := coding.strip().lower()) not in ("", "identity")]
    if len(applied) > MAX_CODINGS:
        raise CodingError(f"{len(applied)} content codings on one body; the limit is {MAX_CODINGS}")
    if not applied or not all(name in _DECODERS for name in applied):
        return None
    decoder = _DECODERS[applied[0]]()
    for name in applied[1:]:
        decoder = StackedDecoder(_DECODERS[name](), decoder)
    return decoder


def make_encoder(coding: str, level: int | None = None, strategy: int | None = None) -> Encoder:
    """Return an encoder for one coding; None is the level that suits most bodies. strategy: of zlib; others have none.

    Raises ValueError for an unknown coding or level, CodingError when the library is not installed.
    """
    encoder = _ENCODERS.get(coding.lower())
    if encoder is None:
        raise ValueError(f"unknown content coding {coding!r}; wanted one of {', '.join(_ENCODERS)}")
    return encoder(level, strategy)


@functools.cache
def accept_encoding() -> str:
    """Return our Accept-Encoding: what this installation can decode."""
    return "gzip, deflate" + ", br" * has_brotli() + ", zstd" * has_zstd()
