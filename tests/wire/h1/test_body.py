"""`wire/h1/body`: where a body ends, whatever tells it (RFC 9112 §6.3)."""

import pytest

from trunkline.wire.errors import BadChunk
from trunkline.wire.h1.body import BodyDecoder, body_decoder
from trunkline.wire.h1.framing import CHUNKED, UNTIL_CLOSE

BODIES = [
    pytest.param(5, b"hello", b"hello", id="length"),
    pytest.param(CHUNKED, b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", b"hello", id="chunks"),
]


def decoder(framing: int) -> BodyDecoder:
    return body_decoder(framing, 8190, 128)


def decode(body: BodyDecoder, portions: list[bytes]) -> tuple[bytes, bytes | None]:
    pieces: list[bytes] = []
    rest: bytes | None = None
    for portion in portions:
        assert rest is None
        rest = body.decode(portion, pieces, [])
    return b"".join(pieces), rest


@pytest.mark.parametrize(("framing", "wire", "content"), BODIES)
def test_a_body_ends_where_its_framing_says(framing: int, wire: bytes, content: bytes) -> None:
    assert decode(decoder(framing), [wire]) == (content, b"")


@pytest.mark.parametrize(("framing", "wire", "content"), BODIES)
def test_what_follows_a_body_is_not_part_of_it(framing: int, wire: bytes, content: bytes) -> None:
    assert decode(decoder(framing), [wire + b"next"]) == (content, b"next")


@pytest.mark.parametrize(("framing", "wire", "content"), BODIES)
def test_a_body_may_come_byte_by_byte(framing: int, wire: bytes, content: bytes) -> None:
    portions = [wire[index : index + 1] for index in range(len(wire))]
    assert decode(decoder(framing), portions) == (content, b"")


@pytest.mark.parametrize(("framing", "wire", "content"), BODIES)
def test_every_prefix_of_a_body_is_unfinished(framing: int, wire: bytes, content: bytes) -> None:
    for end in range(1, len(wire)):
        _, rest = decode(decoder(framing), [wire[:end]])
        assert rest is None


def test_a_body_until_close_has_no_end_of_its_own() -> None:
    assert decode(decoder(UNTIL_CLOSE), [b"some", b" more"]) == (b"some more", None)


def test_a_body_says_what_it_misses() -> None:
    body = decoder(10)
    body.decode(b"abc", [], [])
    assert body.missing == "7 bytes of the body"
    assert decoder(CHUNKED).missing == "the last chunk"
    assert "orderly end" in decoder(UNTIL_CLOSE).missing


def test_damage_in_a_chunk_is_an_error() -> None:
    with pytest.raises(BadChunk):
        decoder(CHUNKED).decode(b"zz\r\n", [], [])
