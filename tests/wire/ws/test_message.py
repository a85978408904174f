"""Messages, kinds and codes by the names and numbers of the public API."""

import pickle

import pytest

from trunkline.wire.errors import WebSocketError, WireError
from trunkline.wire.ws.message import CLOSED_MESSAGE, WSCloseCode, WSMessage, WSMessageTypeError, WSMsgType


def test_kinds_that_have_frames_are_numbered_by_their_opcodes() -> None:
    assert [int(kind) for kind in WSMsgType] == [0, 1, 2, 8, 9, 10, 256, 257, 258]


@pytest.mark.parametrize("name", ["text", "binary", "ping", "pong", "close", "closing", "closed", "error"])
def test_a_kind_has_its_lower_case_name_too(name: str) -> None:
    assert WSMsgType[name] is WSMsgType[name.upper()]


def test_a_message_is_a_tuple_of_three() -> None:
    kind, data, extra = WSMessage(WSMsgType.TEXT, "x", "")
    assert (kind, data, extra) == (WSMsgType.TEXT, "x", "")
    assert CLOSED_MESSAGE == (WSMsgType.CLOSED, None, None)


def test_json_parses_the_data_with_the_loads_that_is_given() -> None:
    message = WSMessage(WSMsgType.TEXT, '{"a": 1}', "")
    assert message.json() == {"a": 1}
    assert message.json(loads=len) == 8


def test_an_error_has_its_close_code_and_survives_pickling() -> None:
    error = WebSocketError(WSCloseCode.PROTOCOL_ERROR, "what is wrong")
    again = pickle.loads(pickle.dumps(error))
    assert isinstance(error, WireError)
    assert (again.code, str(again), again.args) == (1002, "what is wrong", (1002, "what is wrong"))


def test_a_message_of_another_kind_is_a_type_error() -> None:
    assert issubclass(WSMessageTypeError, TypeError)
