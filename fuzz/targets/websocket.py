"""WebSocket messages (RFC 6455 §5, RFC 7692 §7.2); oracles: wsproto, and `zlib` for compressed messages.

The first byte tells the role, and whether compression was agreed upon; the rest is what the peer sends.
"""

from collections import deque
from typing import NamedTuple

from wsproto.frame_protocol import FrameProtocol, Opcode, ParseFailed

from fuzz.cuts import cuts
from trunkline.wire.errors import WebSocketError
from trunkline.wire.ws.assembler import MessageReader
from trunkline.wire.ws.deflate import Deflater, Inflater
from trunkline.wire.ws.frames import FrameWriter
from trunkline.wire.ws.message import WSCloseCode, WSMessage, WSMsgType

_MAX_BYTES = 4096  # of a message, so that the limit is met
_ROOM = 2**40
_NO_CODE = 1005  # RFC 6455 §7.4.1: stands for an empty Close frame
_KINDS = {
    Opcode.TEXT: WSMsgType.TEXT,
    Opcode.BINARY: WSMsgType.BINARY,
    Opcode.PING: WSMsgType.PING,
    Opcode.PONG: WSMsgType.PONG,
}
_MAX_HEAD_BYTES = 14  # RFC 6455 §5.2: two, eight of length, four of key
_KEY = b"\x37\xfa\x21\x3d"


class _Received(NamedTuple):
    messages: list[WSMessage]
    code: int | None  # with which we close, None when nothing is wrong


def check(data: bytes) -> None:
    """Messages are the same however they are cut and taken, and those that wsproto sees; ours come back."""
    options, wire = (data[0], data[1:]) if data else (0, b"")
    is_server, deflates = bool(options & 1), bool(options & 2)
    whole = _read([wire], is_server=is_server, deflates=deflates)
    for portions in [[wire], *cuts(wire)]:
        assert _read(portions, is_server=is_server, deflates=deflates) == whole, "cuts make a difference"
        assert _unpack(portions, is_server=is_server, deflates=deflates) == whole, "unpack() and next() differ"
    if not deflates:
        _compare(wire, is_server=is_server)
    _check_round_trip(wire[:_MAX_BYTES], is_server=is_server, deflates=deflates)


def _reader(*, is_server: bool, deflates: bool) -> MessageReader:
    return MessageReader(is_server=is_server, max_bytes=_MAX_BYTES, inflater=Inflater() if deflates else None)


def _read(portions: list[bytes], *, is_server: bool, deflates: bool) -> _Received:
    reader = _reader(is_server=is_server, deflates=deflates)
    messages = []
    try:
        for portion in portions:
            reader.feed(portion)
            while (message := reader.next()) is not None:
                messages.append(message)
    except WebSocketError as error:
        return _Received(messages, error.code)
    return _Received(messages, None)


def _unpack(portions: list[bytes], *, is_server: bool, deflates: bool) -> _Received:
    reader = _reader(is_server=is_server, deflates=deflates)
    messages = deque[WSMessage]()
    try:
        for portion in portions:
            reader.feed(portion)
            reader.room = _ROOM
            while (control := reader.unpack(messages)) is not None:
                messages.append(control)
    except WebSocketError as error:
        return _Received(list(messages), error.code)
    return _Received(list(messages), None)


def _read_by_wsproto(wire: bytes, *, is_server: bool) -> _Received:
    peer = FrameProtocol(client=not is_server, extensions=[])
    messages: list[WSMessage] = []
    pieces: dict[bool, bytes] = {True: b"", False: b""}  # of a control frame, of a message
    try:
        peer.receive_bytes(wire)
        for frame in peer.received_frames():
            # wsproto tells a Close frame's payload as a code and a reason, a text's as str.
            if isinstance(frame.payload, tuple):
                code, reason = frame.payload
                messages.append(WSMessage(WSMsgType.CLOSE, 0 if code == _NO_CODE else int(code), reason or ""))
                break
            is_control = frame.opcode.iscontrol()
            pieces[is_control] += frame.payload.encode() if isinstance(frame.payload, str) else frame.payload
            if frame.message_finished:
                data = pieces[is_control]
                messages.append(
                    WSMessage(_KINDS[frame.opcode], data.decode() if frame.opcode is Opcode.TEXT else data, "")
                )
                pieces[is_control] = b""
    except ParseFailed as error:
        return _Received(messages, int(error.code))
    return _Received(messages, None)


def _compare(wire: bytes, *, is_server: bool) -> None:
    ours, theirs = _read([wire], is_server=is_server, deflates=False), _read_by_wsproto(wire, is_server=is_server)
    if ours.code is None and theirs.code is not None:  # it judges what has come of a frame, right or wrong
        theirs = _read_by_wsproto(_whole_frames(wire), is_server=is_server)
    elif ours.code == WSCloseCode.PROTOCOL_ERROR and theirs.code is None:  # two bytes of a head told us enough
        theirs = _read_by_wsproto(wire + bytes(_MAX_HEAD_BYTES), is_server=is_server)
    if ours.code == WSCloseCode.MESSAGE_TOO_BIG:  # wsproto has no limit
        assert theirs.messages[: len(ours.messages)] == ours.messages
    elif theirs.code == WSCloseCode.INVALID_TEXT:  # it looks at texts before they are whole
        known = len(theirs.messages)
        assert ours.messages[:known] == theirs.messages
        assert all(message.type > WSMsgType.BINARY for message in ours.messages[known:]), f"{ours.messages[known:]}"
    else:
        assert ours == theirs, f"{ours} is not {theirs}"


def _whole_frames(wire: bytes) -> bytes:
    """Return `wire` without the frame at its end that has not come whole."""
    end = 0
    while len(wire) - end >= 2:
        length, start = wire[end + 1] & 0x7F, end + 2
        if length > 125:
            size = 2 if length == 126 else 8
            length, start = int.from_bytes(wire[start : start + size]), start + size
        after = start + 4 * (wire[end + 1] >> 7) + length
        if after > len(wire):
            break
        end = after
    return wire[:end]


def _check_round_trip(payload: bytes, *, is_server: bool, deflates: bool) -> None:
    writer = FrameWriter((lambda: _KEY) if is_server else None, Deflater() if deflates else None)
    wire = b"".join(bytes(writer.render(WSMsgType.BINARY, payload)) for _ in range(2))
    message = WSMessage(WSMsgType.BINARY, payload, "")
    assert _read([wire], is_server=is_server, deflates=deflates) == _Received([message, message], None)
