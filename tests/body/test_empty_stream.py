import pytest

from trunkline.body.empty_stream import EMPTY_PAYLOAD


async def test_the_shared_stream_takes_neither_data_nor_errors() -> None:
    assert not EMPTY_PAYLOAD.feed_data(b"for one response")
    EMPTY_PAYLOAD.set_exception(ValueError("of one response"))
    with pytest.raises(RuntimeError, match="without a body"):
        EMPTY_PAYLOAD.unread_data(b"x")
    assert await EMPTY_PAYLOAD.read() == b""
    assert EMPTY_PAYLOAD.at_eof()
