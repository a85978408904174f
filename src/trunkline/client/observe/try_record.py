"""`TryRecord`: the stamps of one try of a request, and what was sent and received.

A stamp is the name of the phase that begins, with the time; phases are cut from them when somebody asks. Only values
are kept, never connections, bodies' streams or responses; bodies only as far as they are wanted. `recorder` fills it.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Final

from trunkline.client.observe.timeline import CONNECT, DNS, SEND, WAIT, Phase, Try
from trunkline.client.request import ClientRequest
from trunkline.conn.exchange import Carrier
from trunkline.wire.h1.head import ResponseHead
from trunkline.wire.message import FieldBlock, Target
from trunkline.wire.version import HttpVersion, HttpVersion20

NOTHING: Final = ""  # the phase between phases


class Endpoints:
    """Both ends of a connection, as far as they are known. peer: host, or a Unix socket's path; local_port: ours."""

    __slots__ = ("local_port", "peer", "peer_port")

    def __init__(self, transport: asyncio.BaseTransport | None) -> None:
        self.peer: str | None = None
        self.peer_port: int | None = None
        self.local_port: int | None = None
        if transport is None:
            return
        peer, local = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        if isinstance(peer, tuple):
            self.peer, self.peer_port = peer[:2]
        elif peer:
            self.peer = str(peer)
        if isinstance(local, tuple):
            self.local_port = local[1]

    def __str__(self) -> str:
        host = f"[{self.peer}]" if self.peer is not None and ":" in self.peer else self.peer
        return f"{host}:{self.peer_port}" if self.peer_port is not None else f"{host}"


class TryRecord:
    """The stamps of one try, and what was sent and received. The last two groups are set as it goes on.

    body, body_bytes: of the response when it was read at once, and its length as it was received. request_body: what
    went with the head. Bodies are kept as far as `max_body_bytes`.
    """

    def __init__(self, request: ClientRequest, now: Callable[[], float], max_body_bytes: int) -> None:
        self.method = request.method
        self.url = request.url
        self.began_at = now()
        self.began = datetime.now().astimezone()
        self.ended_at: float | None = None
        self.is_reused = False
        self.error: str | None = None
        self.endpoints: Endpoints | None = None
        self._now = now
        self._max_body_bytes = max_body_bytes
        self._marks: list[tuple[str, float]] = []

        self.version = request.version
        self.target: Target = request.target
        self.blocks: Sequence[FieldBlock] = ()
        self.request_body = b""
        self.request_body_bytes = 0

        self.head: ResponseHead | None = None
        self.body: bytes | None = None
        self.body_size: int | None = None
        self.body_bytes = 0

    # Stamping.

    @property
    def phase(self) -> str:
        """The one that goes on."""
        return self._marks[-1][0] if self._marks else NOTHING

    def enter(self, phase: str) -> None:
        """Begin a phase, which ends the one before it."""
        if self.ended_at is None and phase != self.phase:
            self._marks.append((phase, self._now()))

    def end(self) -> None:
        """Note that nothing more will come; idempotent."""
        if self.ended_at is None:
            self.ended_at = self._now()

    @property
    def has_ended(self) -> bool:
        """True when nothing more will come."""
        return self.ended_at is not None

    @property
    def version_sent(self) -> HttpVersion:
        """The version in which it was sent: what was negotiated for the connection, or what the request says."""
        return self.version if self.head is None or self.head.version < HttpVersion20 else self.head.version

    def note_error(self, error: BaseException) -> None:
        """Keep what ended the try; the first one counts."""
        if self.error is None:
            self.error = f"{type(error).__name__}: {error}".removesuffix(": ")

    def note_sending(self, request: ClientRequest, carrier: Carrier) -> None:
        """Keep what is sent, now that it is settled."""
        self.enter(SEND)
        self.endpoints = Endpoints(carrier.transport)
        self.method, self.url, self.version = request.method, request.url, request.version
        self.target, self.blocks = request.target, request.blocks
        if not request.uploads:
            self.request_body = request.small_body[: self._max_body_bytes]
            self.request_body_bytes = len(request.small_body)
            self.enter(WAIT)

    def note_uploaded(self, request: ClientRequest) -> None:
        """Note that no more of the request's body will be sent."""
        if request.body_writer is not None:
            self.request_body_bytes = request.body_writer.output_size
        if self.phase == SEND:  # else the server answered early
            self.enter(WAIT)

    def note_body(self, body: bytes) -> None:
        """Keep the beginning of a response's body, which somebody has read as a whole."""
        self.body_size = len(body)
        if self._max_body_bytes:
            self.body = body[: self._max_body_bytes]

    # Reading.

    @property
    def head_bytes(self) -> int:
        """The length of the request's head, -1 when none was sent."""
        if not self.blocks:
            return -1
        return len(self.method) + len(self.target.h1) + sum(len(block.h1) for block in self.blocks) + len(b"\r\n")

    def as_value(self, origin: float) -> Try:
        """Return what is known by now, in seconds since `origin`."""
        end = self._now() if self.ended_at is None else self.ended_at
        peer = None if self.endpoints is None or self.endpoints.peer is None else str(self.endpoints)
        return Try(
            self.began_at - origin,
            end - origin,
            tuple(self._phases(end, origin)),
            None if self.head is None else self.head.status,
            self.is_reused,
            peer,
            self.error,
            self.ended_at is not None,
        )

    def _phases(self, end: float, origin: float) -> Iterator[Phase]:
        marks = self._marks
        skipped_from: float | None = None
        for index, (name, start) in enumerate(marks):
            following, until = marks[index + 1] if index + 1 < len(marks) else (NOTHING, end)
            if name == CONNECT and following == DNS:  # it turned out that the host must be looked up first
                skipped_from = start
            elif name != NOTHING:
                yield Phase(name, (start if skipped_from is None else skipped_from) - origin, until - origin)
                skipped_from = None
