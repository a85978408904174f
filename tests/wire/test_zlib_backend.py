"""`set_zlib_backend`: another library does the work of zlib, from the next message on."""

import zlib
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from multidict import CIMultiDict

from tests.body.recording import written
from trunkline.body.multipart_writer import MultipartWriter
from trunkline.wire.coding import make_decoder, make_encoder
from trunkline.wire.errors import CodingError
from trunkline.wire.zlib_backend import set_zlib_backend, zlib_library


class Damaged(Exception):
    """What the other library raises in place of zlib.error."""


class Decompressor:
    def __init__(self, wbits: int) -> None:
        self._stream = zlib.decompressobj(wbits)

    def __getattr__(self, name: str) -> Any:  # Any: whatever zlib's has
        return getattr(self._stream, name)

    def decompress(self, data: bytes, max_length: int) -> bytes:
        try:
            return self._stream.decompress(data, max_length)
        except zlib.error as error:
            raise Damaged(str(error)) from error


class Library(ModuleType):
    """zlib with errors of its own, which counts what is asked of it."""

    DEFLATED = zlib.DEFLATED
    MAX_WBITS = zlib.MAX_WBITS
    Z_DEFAULT_COMPRESSION = 2  # as isal has it: zlib's -1 is not known everywhere
    Z_DEFAULT_STRATEGY = zlib.Z_DEFAULT_STRATEGY
    Z_SYNC_FLUSH = zlib.Z_SYNC_FLUSH
    error = Damaged

    def __init__(self) -> None:
        super().__init__("library")
        self.asked: list[tuple[str, Any]] = []  # Any: a level, or wbits

    def compressobj(self, level: int = Z_DEFAULT_COMPRESSION, **options: Any) -> Any:
        self.asked.append(("compress", level))
        return zlib.compressobj(level, **options)

    def decompressobj(self, wbits: int) -> Decompressor:
        self.asked.append(("decompress", wbits))
        return Decompressor(wbits)


@pytest.fixture
def library() -> Iterator[Library]:
    library = Library()
    set_zlib_backend(library)
    yield library
    set_zlib_backend(zlib)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_it_compresses_and_decompresses(library: Library, coding: str) -> None:
    encoder = make_encoder(coding)
    coded = encoder.encode(b"abc" * 1000) + encoder.flush()
    decoder = make_decoder([coding])
    assert decoder is not None
    decoder.feed(coded)
    assert decoder.decode(10_000) == b"abc" * 1000
    assert ("compress", 2) in library.asked
    assert "decompress" in dict(library.asked)


def test_its_errors_are_understood(library: Library) -> None:
    decoder = make_decoder(["gzip"])
    assert decoder is not None
    decoder.feed(b"no gzip at all")
    with pytest.raises(CodingError, match="damaged gzip data"):
        decoder.decode(100)


async def test_parts_of_multipart_bodies_use_it_too(library: Library) -> None:
    writer = MultipartWriter()
    writer.append("text", CIMultiDict({"Content-Encoding": "deflate"}))
    await written(writer)
    assert library.asked == [("compress", 2)]


@pytest.mark.parametrize("wrong", [None, "zlib", 1, pytest])
def test_what_is_no_zlib_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"has no DEFLATED.*such as zlib, zlib_ng.zlib_ng or isal.isal_zlib"):
        set_zlib_backend(wrong)
    assert zlib_library() is zlib
