from __future__ import annotations

import base64
import gzip
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, strategies as st

from trunkline.body.part_coding import encode_part, part_encoders
from trunkline.body.part_decoding import PartDecoder, UnknownEncoding, transfer_split
from trunkline.wire.errors import CodingError

CODINGS = [(coding, transfer) for coding in ("", "gzip", "deflate") for transfer in ("", "base64", "quoted-printable")]


def decoder(coding: str = "", transfer: str = "") -> PartDecoder:
    headers = {"Content-Encoding": coding, "Content-Transfer-Encoding": transfer}
    return PartDecoder(headers, has_content_coding=True)


def decoded(data: bytes, coding: str = "", transfer: str = "", size: int = 10**9) -> bytes:
    part = decoder(coding, transfer)
    pieces = [part.decode(data[start : start + size], 100) for start in range(0, len(data), size)]
    return b"".join(piece for steps in (*pieces, part.finish(100)) for piece in steps)


@pytest.mark.parametrize(("coding", "transfer"), CODINGS)
@given(data=st.binary() | st.text(st.sampled_from("=\r\n .a"), max_size=200).map(str.encode), size=st.integers(1, 50))
def test_what_we_encode_is_decoded_however_it_is_cut(coding: str, transfer: str, data: bytes, size: int) -> None:
    encoded = encode_part(part_encoders(coding, transfer), data)
    assert decoded(encoded, coding, transfer, size) == data


@pytest.mark.parametrize(
    ("data", "coding", "transfer", "expected"),
    [
        (b"abc", "Identity", "7BIT", b"abc"),
        (b"abc", "", "8bit", b"abc"),
        (b"abc", "", " Binary ", b"abc"),
        (base64.encodebytes(b"abc" * 99), "", "BASE64", b"abc" * 99),
        (b"Y W-J\0j", "", "base64", b"abc"),  # RFC 2045 §6.8: what is not of the alphabet is ignored
        (b"YQ==", "", "base64", b"a"),
        (b"=D0=9F=\r\nx=3d\r\n", "", "quoted-printable", "Пx=\r\n".encode()),
        (zlib.compress(b"abc"), "deflate", "", b"abc"),
        (base64.b64encode(gzip.compress(b"abc")), "gzip", "base64", b"abc"),
    ],
)
def test_encodings(data: bytes, coding: str, transfer: str, expected: bytes) -> None:
    assert decoded(data, coding, transfer) == decoded(data, coding, transfer, 1) == expected


@pytest.mark.parametrize("size", [1, 10**9])
@pytest.mark.parametrize(
    ("data", "coding", "transfer"),
    [
        (b"a", "", "base64"),
        (b"YWJ", "", "base64"),
        (b"YQ==YQ==", "", "base64"),
        (b"Y===", "", "base64"),
        (gzip.compress(b"abc")[:-3], "gzip", ""),
        (b"zzz", "gzip", ""),
    ],
)
def test_damage_is_an_error(data: bytes, coding: str, transfer: str, size: int) -> None:
    with pytest.raises(CodingError):
        decoded(data, coding, transfer, size)


@pytest.mark.parametrize(
    ("coding", "transfer", "message"),
    [("zzz", "", "unknown content encoding: zzz"), ("", "zzz", "unknown content transfer encoding: zzz")],
)
def test_an_unknown_encoding_is_named(coding: str, transfer: str, message: str) -> None:
    with pytest.raises(UnknownEncoding, match=message):
        decoder(coding, transfer)
    assert issubclass(UnknownEncoding, RuntimeError)


def test_a_form_has_no_content_coding() -> None:
    part = PartDecoder({"Content-Encoding": "gzip"}, has_content_coding=False)
    assert b"".join(part.whole(b"abc", 100)) == b"abc"


@pytest.mark.parametrize("coding", ["", "gzip"])
def test_decoding_goes_in_bounded_steps(coding: str) -> None:
    encoded = encode_part(part_encoders(coding, ""), bytes(10_000))
    sizes = [len(piece) for piece in decoder(coding).whole(encoded, 1000)]
    assert max(sizes) == 1000
    assert sum(sizes) == 10_000


def test_what_is_held_in_memory_may_not_grow_without_measure() -> None:
    part = decoder("gzip")
    total = 0

    def decode_all() -> None:
        nonlocal total
        for piece in part.whole(gzip.compress(bytes(80_000_000), 9), 2**18):
            total += len(piece)
            part.check_growth(total)

    with pytest.raises(CodingError, match="decode_iter"):
        decode_all()
    assert total <= 64 * 2**20 + 2**18


@pytest.mark.parametrize(
    ("transfer", "data", "whole", "rest"),
    [
        ("base64", b"YWJj\r\nYW", b"YWJj", b"YW"),
        ("base64", b"YW", b"", b"YW"),
        ("quoted-printable", b"a=3", b"a", b"=3"),
        ("quoted-printable", b"a=3D", b"a=3D", b""),
        ("quoted-printable", b"a=\r", b"a", b"=\r"),
    ],
)
def test_text_is_cut_where_it_can_be_decoded(transfer: str, data: bytes, whole: bytes, rest: bytes) -> None:
    split: Callable[[bytes], tuple[bytes, bytes]] | None = transfer_split({"Content-Transfer-Encoding": transfer})
    assert split is not None
    assert split(data) == (whole, rest)


def test_plain_bytes_may_be_cut_anywhere() -> None:
    assert transfer_split({}) is None
