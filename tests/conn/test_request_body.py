"""`RequestBody`: what comes of a body goes to its reader, or is counted and dropped, until its end is found."""

import asyncio

import pytest

from trunkline.conn import request_body
from trunkline.conn.errors import PayloadAccessError, RequestLost, RequestPayloadError
from trunkline.conn.request_body import RequestBody, open_body, refuse_late_readers
from trunkline.conn.service import ServiceRules
from trunkline.wire.errors import BadFraming, WireError
from trunkline.wire.h1.framing import CHUNKED
from trunkline.wire.received import ReceivedHead
from trunkline.wire.version import HttpVersion11


class Connection:
    """What a stream asks of the connection it comes from."""

    def pause_reading(self) -> None:
        """There is none."""

    def resume_reading(self) -> None:
        """There is none."""


def make(framing: int) -> RequestBody:
    head = ReceivedHead("POST", "/", HttpVersion11, keep_alive=True)
    return open_body(Connection(), head, framing, ServiceRules(), asyncio.get_running_loop())


async def test_a_body_of_known_length_ends_where_it_was_announced() -> None:
    body = make(5)
    assert body.missing == "5 bytes of the body"
    assert body.feed(b"ab") is None
    assert body.missing == "3 bytes of the body"
    assert body.feed(b"cdeGET /") == b"GET /"
    assert await body.stream.read() == b"abcde"


async def test_a_body_in_chunks_ends_with_the_last_one() -> None:
    body = make(CHUNKED)
    assert body.feed(b"2\r\nab\r\n3\r\ncd") is None
    assert body.feed(b"e\r\n0\r\n\r\nGET /") == b"GET /"
    assert await body.stream.readchunk() == (b"ab", True)
    assert await body.stream.readchunk() == (b"cde", True)
    assert body.stream.at_eof()


async def test_damage_is_seen_by_the_connection_and_behind_what_was_good_by_the_reader() -> None:
    body = make(CHUNKED)
    with pytest.raises(WireError):
        body.feed(b"2\r\nab\r\nzz\r\n")
    with pytest.raises(RequestPayloadError) as seen:
        await body.stream.read()
    assert isinstance(seen.value.__cause__, WireError)


async def test_a_body_that_will_never_be_whole_tells_its_reader() -> None:
    body = make(5)
    body.feed(b"ab")
    body.fail(RequestLost("gone"))
    with pytest.raises(RequestLost):
        await body.stream.read()


async def test_what_nobody_wants_is_dropped_and_its_end_is_found() -> None:
    body = make(5)
    body.feed(b"ab")
    body.drop()
    assert body.is_dropped
    assert body.feed(b"cdeGET /") == b"GET /"
    with pytest.raises(PayloadAccessError, match="before its request was answered"):
        await body.stream.read()
    body.fail(RequestLost("gone"))
    with pytest.raises(PayloadAccessError):
        await body.stream.read()


async def test_only_so_much_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_body, "MAX_DRAINED_BYTES", 10)
    body = make(20)
    body.drop()
    assert body.feed(b"a" * 10) is None
    with pytest.raises(BadFraming, match="more than 10 bytes of a body that nobody reads"):
        body.feed(b"a")


async def test_a_body_that_was_read_to_its_end_may_be_asked_again_later() -> None:
    body = make(2)
    body.feed(b"ab")
    assert await body.stream.read() == b"ab"
    refuse_late_readers(body.stream)
    assert await body.stream.read() == b""
