"""Payloads of Close frames: which codes may be sent, and what a peer may say."""

import pytest

from trunkline.wire.errors import WebSocketError
from trunkline.wire.ws.close import parse_close, render_close

SENDABLE = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
NEVER_SENT = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535]


@pytest.mark.parametrize("code", SENDABLE)
def test_a_code_and_its_reason_come_back(code: int) -> None:
    assert parse_close(render_close(code, "schlüssig".encode())) == (code, "schlüssig")


def test_no_payload_is_code_0_without_a_reason() -> None:
    assert parse_close(b"") == (0, "")


@pytest.mark.parametrize("code", NEVER_SENT)
def test_a_code_that_must_not_be_sent_breaks_the_protocol(code: int) -> None:
    with pytest.raises(WebSocketError, match=f"close code {code} ") as caught:
        parse_close(code.to_bytes(2, "big"))
    assert caught.value.code == 1002


def test_half_a_code_breaks_the_protocol() -> None:
    with pytest.raises(WebSocketError, match="1 byte") as caught:
        parse_close(b"\x03")
    assert caught.value.code == 1002


def test_a_reason_that_is_not_utf8_is_refused_as_such() -> None:
    with pytest.raises(WebSocketError, match="UTF-8") as caught:
        parse_close(b"\x03\xe8\xff")
    assert caught.value.code == 1007


@pytest.mark.parametrize("code", [*NEVER_SENT, -1, 70000])
def test_we_cannot_be_made_to_send_such_a_code(code: int) -> None:
    with pytest.raises(ValueError, match=f"close code {code} must not be sent"):
        render_close(code, b"")


def test_a_reason_is_123_bytes_at_most() -> None:
    assert len(render_close(1000, b"x" * 123)) == 125
    with pytest.raises(ValueError, match="reason of 124 bytes; the limit is 123"):
        render_close(1000, b"x" * 124)
