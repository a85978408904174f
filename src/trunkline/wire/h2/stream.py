"""`Stream`: one request and its response among others on a connection (RFC 9113 §5).

Its states are a table. What comes for it is told to it by methods that whoever uses streams overrides; what it may send
and take is counted here and decided in `connection`.
"""

from enum import IntEnum
from typing import Final

FieldPairs = list[tuple[str, str]]  # of a head as HPACK gives it: pseudo-header fields first, names in lower case


class State(IntEnum):
    """§5.1, without the reserved ones: nobody pushes here."""

    IDLE = 0
    OPEN = 1
    LOCAL_ENDED = 2  # "half-closed (local)": we send no more
    PEER_ENDED = 3  # "half-closed (remote)"
    CLOSED = 4


class Event(IntEnum):
    """What changes the state. A reset closes a stream whatever its state."""

    SEND_HEAD = 0
    SEND_END = 1
    TAKE_HEAD = 2
    TAKE_END = 3


# State after each event, in the order of Event; None where it may not happen.
NEXT: Final[tuple[tuple[State | None, ...], ...]] = (
    (State.OPEN, None, State.OPEN, None),
    (State.OPEN, State.LOCAL_ENDED, State.OPEN, State.PEER_ENDED),
    (None, None, State.LOCAL_ENDED, State.CLOSED),
    (State.PEER_ENDED, State.CLOSED, None, None),
    (None, None, None, None),
)


class Stream:
    """One stream. Its connection counts and sends; a subclass takes what comes.

    send_window, receive_window: bytes that may still be sent by us, by the peer. window: what the peer is given to
    send before it hears from us. owed: bytes that were taken and not given back to the peer's window. is_held: what
    comes waits for a slow reader, so nothing is given back. missing: bytes of the body that Content-Length announced
    and that have not come, None if nobody knows. is_tunnel: it was a CONNECT that is answered, so that nothing but DATA
    may come (§8.5). unsent: what waits for the peer's window, of which the first
    `unsent_from` bytes have been sent. unsent_ends: its last byte ends the stream.
    """

    __slots__ = (
        "has_head",
        "id",
        "is_held",
        "is_tunnel",
        "missing",
        "owed",
        "receive_window",
        "send_window",
        "state",
        "unsent",
        "unsent_ends",
        "unsent_from",
        "window",
    )

    def __init__(self) -> None:
        self.id = 0
        self.state = State.IDLE
        self.send_window = 0
        self.receive_window = 0
        self.window = 0
        self.owed = 0
        self.is_held = False
        self.is_tunnel = False
        self.has_head = False  # the final one of the peer's message
        self.missing: int | None = None
        self.unsent = b""
        self.unsent_from = 0
        self.unsent_ends = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} {self.state.name}>"

    # What comes.

    def head_received(self, fields: FieldPairs, ends: bool) -> bool:
        """Take a head; return False if it was an interim one. ends: no body follows. May raise StreamFault."""
        raise NotImplementedError

    def data_received(self, data: bytes) -> None:
        """Take bytes of the body."""
        raise NotImplementedError

    def trailers_received(self, fields: FieldPairs) -> None:
        """Take the fields behind the body; `end_received` follows."""

    def end_received(self) -> None:
        """The peer's message is whole."""
        raise NotImplementedError

    def drained(self) -> None:
        """All that was given to be sent has been."""

    def failed(self, error: Exception) -> None:
        """The stream ended before its time: StreamReset or a StreamFault says why."""
        raise NotImplementedError
