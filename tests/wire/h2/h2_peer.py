"""The h2 library at the other end: both sides are told what to do, and their bytes are handed over in pieces."""

from collections.abc import Iterator
from typing import Final

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    InformationalResponseReceived,
    PingAckReceived,
    RequestReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.settings import SettingCodes

from tests.wire.h2.sides import POST, Side, Told
from trunkline.wire.h2.stream import FieldPairs, State

TRAILERS: Final[FieldPairs] = [("x-checksum", "1")]


class Message:
    """What a side sends or has received in one stream."""

    def __init__(self, body: bytes = b"", *, has_trailers: bool = False, padding: int | None = None) -> None:
        self.body = body
        self.has_trailers = has_trailers
        self.padding = padding
        self.has_ended = False
        self.interims = 0
        self.fields: FieldPairs = []
        self.reset: int | None = None


class Wire:
    """Ours and h2's, and what each of them is to send. pieces: sizes in which bytes are handed over."""

    def __init__(self, pieces: Iterator[int], *, is_client: bool, initial_window: int = 65_535) -> None:
        self.ours = Side(is_client=is_client)
        self.peer = H2Connection(H2Configuration(client_side=not is_client, header_encoding="utf-8"))
        self.peer.local_settings = type(self.peer.local_settings)(
            client=not is_client,
            initial_values={SettingCodes.INITIAL_WINDOW_SIZE: initial_window, SettingCodes.MAX_FRAME_SIZE: 2**14},
        )
        self.peer.initiate_connection()
        self.is_client = is_client
        self.seen: dict[int, Message] = {}  # by h2
        self.sends: dict[int, Message] = {}  # what h2 still has to send
        self.trailing: list[Told] = []  # ours, with trailers to send once their bodies are gone
        self.has_gone: ConnectionTerminated | None = None
        self.pings = 0
        self._pieces = pieces
        self.pump()

    # What is handed over.

    def pump(self) -> None:
        """Hand over what both say until they have nothing more to say."""
        while True:
            self._send_ours()
            self._send_peers()
            ours, peers = self.ours.connection.take_output(), self.peer.data_to_send()
            if not ours and not peers:
                return
            for piece in self._cut(ours):
                for event in self.peer.receive_data(piece):
                    self._take(event)
            for piece in self._cut(peers or b""):
                self.ours.connection.feed(piece)

    def _cut(self, data: bytes) -> Iterator[bytes]:
        at = 0
        while at < len(data):
            size = next(self._pieces)
            yield data[at : at + size]
            at += size

    # What h2 does.

    def _take(self, event: object) -> None:
        if isinstance(event, RequestReceived | ResponseReceived):
            message = self.seen.setdefault(event.stream_id, Message())
            message.fields = [(str(name), str(value)) for name, value in event.headers]
        elif isinstance(event, InformationalResponseReceived):
            self.seen.setdefault(event.stream_id, Message()).interims += 1
        elif isinstance(event, DataReceived):
            self.seen[event.stream_id].body += event.data
            self.peer.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, TrailersReceived):
            self.seen[event.stream_id].has_trailers = True
        elif isinstance(event, StreamEnded):
            self.seen[event.stream_id].has_ended = True
        elif isinstance(event, StreamReset):
            self.seen.setdefault(event.stream_id, Message()).reset = int(event.error_code)
            self.sends.pop(event.stream_id, None)
        elif isinstance(event, ConnectionTerminated):
            self.has_gone = event
        elif isinstance(event, PingAckReceived):
            self.pings += 1

    def _send_peers(self) -> None:
        for stream_id, message in list(self.sends.items()):
            extra = 0 if message.padding is None else message.padding + 1
            while message.body:
                size = min(self.peer.local_flow_control_window(stream_id), self.peer.max_outbound_frame_size) - extra
                if size <= 0:
                    break
                piece, message.body = message.body[:size], message.body[size:]
                self.peer.send_data(stream_id, piece, pad_length=message.padding)
            if not message.body:
                del self.sends[stream_id]
                if message.has_trailers:
                    self.peer.send_headers(stream_id, TRAILERS, end_stream=True)
                else:
                    self.peer.end_stream(stream_id)

    def peer_sends(self, stream_id: int, fields: FieldPairs, message: Message, *, interims: int = 0) -> None:
        for _ in range(interims):
            self.peer.send_headers(stream_id, [(":status", "103")])
        self.peer.send_headers(stream_id, fields)
        self.sends[stream_id] = message

    def peer_opens(self, fields: FieldPairs, message: Message) -> int:
        stream_id = self.peer.get_next_available_stream_id()
        self.peer_sends(stream_id, fields, message)
        return stream_id

    def peer_resets(self, stream_id: int) -> None:
        self.sends.pop(stream_id, None)
        self.peer.reset_stream(stream_id, ErrorCodes.CANCEL)

    # What we do.

    def opens(self, message: Message) -> Told:
        stream = self.ours.open([*POST, *message.fields], ends=False)
        self.sends_body(stream, message)
        return stream

    def sends_body(self, stream: Told, message: Message) -> None:
        if message.has_trailers:
            self.ours.connection.send_data(stream, message.body)
            self.trailing.append(stream)
        else:
            self.ours.connection.send_data(stream, message.body, True)

    def _send_ours(self) -> None:
        for stream in list(self.trailing):
            if stream.state is State.CLOSED:
                self.trailing.remove(stream)
            elif not stream.unsent:
                self.trailing.remove(stream)
                self.ours.connection.send_head(stream, TRAILERS, True)

    # What has to be in the end.

    def check_rest(self) -> None:
        """Nothing is left over, and both sides count the same windows."""
        core = self.ours.connection
        assert not core.streams
        assert not core._waiting
        assert core.send_window == self.peer.inbound_flow_control_window
        assert core._receive_window == self.peer.outbound_flow_control_window
        assert core.noise._level < 100
