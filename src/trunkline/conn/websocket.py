"""`WebSocketConnection`: one WebSocket, in either role, on a connection that has left HTTP (RFC 6455 §5 to §7).

It sends messages, answers pings, and closes: with the closing handshake, or because the peer is silent, gone, or breaks
the protocol, which it is told by a Close frame. What is sent while more messages wait to be read is most likely one of
many answers, so it is held until the last of them, at most until the loop's next turn, and leaves in one write. What
messages are is told in `wire.ws`; how they are queued, in `inbox`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from trunkline.conn.errors import WriteLost
from trunkline.conn.heartbeat import Heartbeat
from trunkline.conn.inbox import Inbox
from trunkline.ground.logs import websocket_logger
from trunkline.transport.flow import WriteFlow
from trunkline.transport.probes import probe_silent_peer
from trunkline.wire.errors import WebSocketError
from trunkline.wire.limits import WEBSOCKET_LINGERING_S
from trunkline.wire.ws.assembler import MessageReader
from trunkline.wire.ws.close import render_close
from trunkline.wire.ws.frames import FrameWriter
from trunkline.wire.ws.message import CLOSED_MESSAGE, CLOSING_MESSAGE, WSCloseCode, WSMessage, WSMsgType

_CLOSE: Final = WSMsgType.CLOSE
_GONE: Final = "Cannot write to closing transport"


class Carrier(Protocol):
    """The connection under a WebSocket. transport: None once it is lost; send: raises WriteLost then."""

    @property
    def transport(self) -> asyncio.Transport | None: ...
    @property
    def flow(self) -> WriteFlow: ...
    def send(self, data: bytes) -> None: ...
    def close(self) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


@dataclass(frozen=True, slots=True)
class WebSocketRules:
    """How a WebSocket behaves; see the public API, whose names these are. Times are in seconds, None is no limit.

    write_timeout_s: in which the peer takes nothing of what it is sent; whoever sends then gets WriteLost.

    is_client: closing waits for the peer's Close frame even if a reader had to be woken for it, and the close code of a
    connection that the peer's bytes failed is ours; in both, aiohttp's server does otherwise. as_dead: makes the error
    that tells of a peer that answers no ping.
    """

    close_timeout_s: float | None = 10.0
    receive_timeout_s: float | None = None
    autoclose: bool = True
    autoping: bool = True
    heartbeat_s: float | None = None
    writer_limit: int = 2**18
    write_timeout_s: float | None = None
    is_client: bool = False
    as_dead: Callable[[str], TimeoutError] = TimeoutError


class WebSocketConnection:
    """Reads and writes messages. It is the `Receiver` of its carrier.

    closed: nothing can be sent any more, and what comes is not read. close_code: of the peer's Close frame, 1006 when
    it ended without one, None while open. error: why it ended, unless by the closing handshake.
    """

    __slots__ = (
        "_carrier",
        "_fault",
        "_gone",
        "_heartbeat",
        "_inbox",
        "_is_closing",
        "_lingering",
        "_loop",
        "_pong_due",
        "_rules",
        "_unsent",
        "_writer",
        "close_code",
        "closed",
        "error",
        "is_mute",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        carrier: Carrier,
        reader: MessageReader,
        writer: FrameWriter,
        rules: WebSocketRules,
    ) -> None:
        self._loop = loop
        self._carrier = carrier
        self._writer = writer
        self._rules = rules
        self._inbox = Inbox(loop, carrier, reader, self._fail, self._answer if rules.autoping else None)
        self._unsent: list[bytes] = []
        self._pong_due: bytes | None = None  # payload of the pong to send when the transport takes more
        self._is_closing = False  # the reader has been given the peer's Close frame
        self.is_mute = False  # our side of the transport is closed
        self._lingering: asyncio.TimerHandle | None = None  # ends the wait for the peer's side of it
        self._fault: WebSocketError | None = None  # how the peer broke the protocol
        self.closed = False
        self.close_code: int | None = None
        self.error: BaseException | None = None
        self._gone: asyncio.Future[None] = loop.create_future()
        if carrier.transport is not None:
            carrier.transport.set_write_buffer_limits(rules.writer_limit)
            probe_silent_peer(carrier.transport)
        self._heartbeat: Heartbeat | None = None
        if rules.heartbeat_s:
            self._heartbeat = Heartbeat(loop, rules.heartbeat_s, self._ask, self._peer_is_dead)

    # Reading.

    async def receive(self, timeout_s: float | None = None) -> WSMessage:
        """Return the next message; the end of the connection is told by messages, too.

        timeout_s: instead of the one of the rules. Raises TimeoutError, after which reading may go on.
        """
        inbox = self._inbox
        if self.closed:  # first: `close` waits at the inbox, too
            return CLOSED_MESSAGE
        if inbox.is_awaited:
            raise RuntimeError("Concurrent call to receive() is not allowed")
        if self._is_closing:
            return CLOSING_MESSAGE
        if inbox.messages:
            message: WSMessage | None = inbox.messages.popleft()
        elif seconds := timeout_s or self._rules.receive_timeout_s:
            message = await self._take_within(seconds)
        else:
            message = await inbox.take()
        if message is None:
            return self._end()
        if message.type is _CLOSE:
            self._is_closing = True
            self.close_code = message.data
            if self._rules.autoclose:
                await self.close()
        return message

    async def _take_within(self, timeout_s: float) -> WSMessage | None:
        async with asyncio.timeout(timeout_s):
            return await self._inbox.take()

    def _end(self) -> WSMessage:
        """Tell the reader, who has taken all messages, why no more come."""
        self.closed = True
        if self._fault is None:
            self._abandon(WriteLost("the connection ended without a Close frame"))
            return CLOSED_MESSAGE
        self._abandon(self._fault)
        if self._rules.is_client:
            self.close_code = self._fault.code
        return WSMessage(WSMsgType.ERROR, self._fault, None)

    # Writing.

    async def send(self, opcode: int, payload: bytes | bytearray | memoryview, compress: int | None = None) -> None:
        """Send a frame; wait while the transport holds too much. Raises WriteLost, a ConnectionResetError.

        compress: level for this message, 0 for none.
        """
        if self.closed or self.is_mute:
            raise WriteLost(_GONE)
        self._write(self._writer.render(opcode, payload, compress))
        if self._carrier.flow.paused:
            try:
                await self._drain()
            except ConnectionResetError as error:
                raise WriteLost(str(error)) from error

    async def _drain(self) -> None:
        """Wait until the transport takes more, for as long as the peer takes some of it."""
        limit_s, transport = self._rules.write_timeout_s, self._carrier.transport
        while transport is not None:
            unsent_bytes = transport.get_write_buffer_size()
            try:
                async with asyncio.timeout(limit_s):
                    return await self._carrier.flow.drain()
            except TimeoutError:
                if transport.get_write_buffer_size() >= unsent_bytes:
                    transport.abort()
                    raise WriteLost(f"the peer took nothing of {unsent_bytes} bytes for {limit_s:g} s") from None

    def _write(self, frame: bytes) -> None:
        unsent = self._unsent
        if not self._inbox.messages and not unsent:
            self._carrier.send(frame)
            return
        unsent.append(frame)
        if not self._inbox.messages or self._carrier.flow.paused:
            self._flush()
        elif len(unsent) == 1:
            self._loop.call_soon(self._flush_quietly)

    def _flush(self) -> None:
        if self._unsent:
            frames, self._unsent = self._unsent, []
            self._carrier.send(b"".join(frames))

    def _flush_quietly(self) -> None:
        try:
            self._flush()
        except WriteLost:
            pass  # connection_lost tells it

    def _tell(self, opcode: int, payload: bytes) -> None:
        """Send what nobody waits for."""
        try:
            self._write(self._writer.render(opcode, payload))
        except WriteLost:
            pass  # connection_lost tells it

    def _answer(self, payload: bytes) -> None:
        # A peer that pings and does not read gets one pong, for the last of its pings (§5.5.3).
        if self._carrier.flow.paused:
            self._pong_due = payload
        else:
            self._tell(WSMsgType.PONG, payload)

    def _ask(self) -> None:
        self._tell(WSMsgType.PING, b"")
        if self._inbox.is_held and self._heartbeat is not None:
            self._heartbeat.hear()  # its answer would not be read: it is we who are slow

    # Closing.

    async def close(self, code: int = WSCloseCode.OK, reason: bytes = b"", *, drain: bool = True) -> bool:
        """Close with a Close frame, and wait for the peer's; return False when that was done before.

        Somebody who waits in `receive` gets CLOSING, and then a server does not wait for the peer's frame.
        Raises ValueError when `code` or `reason` must not be sent.
        """
        payload = render_close(code, reason)
        if self.closed:
            return False
        self.closed = True
        self._stop_heartbeat()  # the timeout of closing takes its place
        has_reader = self._inbox.interrupt(CLOSING_MESSAGE)
        try:
            async with asyncio.timeout(self._rules.close_timeout_s):
                await self._say_close(payload, drain)
                if self._is_closing:
                    self._shut()
                elif has_reader and not self._rules.is_client:
                    self.close_code = WSCloseCode.OK
                    self._linger()
                else:
                    if has_reader:
                        await asyncio.sleep(0)  # in which it takes what it is told
                    self.close_code = await self._wait_for_close()
                    self._shut()
        except (OSError, WebSocketError) as error:  # TimeoutError is an OSError
            self._abandon(None if self._is_closing else error)  # who sent a Close frame need not wait for ours
        except asyncio.CancelledError:
            self._abandon(None)
            raise
        return True

    async def _say_close(self, payload: bytes, drain: bool) -> None:
        if self.is_mute:
            raise WriteLost(_GONE)
        self._write(self._writer.render(_CLOSE, payload))
        self._flush()
        if drain and self._carrier.flow.paused:
            await self._carrier.flow.drain()

    async def _wait_for_close(self) -> int:
        while True:
            message = await self._inbox.take()
            if message is None:
                raise self._fault or WriteLost("the connection ended without a Close frame of the peer")
            if message.type is _CLOSE:
                code: int = message.data
                return code

    async def wait_gone(self) -> None:
        """Wait until the peer has closed its side too, if its reading our last words depends on that."""
        if self._lingering is not None:
            await asyncio.shield(self._gone)

    def _fail(self, fault: WebSocketError) -> None:
        """Fail the connection (RFC 6455 §7.1.7): tell the peer why, and read no more."""
        websocket_logger.debug("the peer breaks the protocol: %s", fault)
        self._fault = fault
        if not self.closed:  # else it has had its Close frame
            self._tell(_CLOSE, render_close(fault.code, b""))
            self._flush_quietly()
        self._linger()

    def _peer_is_dead(self, silence: TimeoutError) -> None:
        self.closed = True
        error = self._rules.as_dead(str(silence))
        self._inbox.interrupt(WSMessage(WSMsgType.ERROR, error, None))
        self._abandon(error)

    def _abandon(self, error: BaseException | None) -> None:
        """End without the closing handshake, or with half of it."""
        self.error = error
        if not self._is_closing:
            self.close_code = WSCloseCode.ABNORMAL_CLOSURE
        if self._lingering is None:
            self._shut()

    def _shut(self) -> None:
        self._end_both_ways()
        self._carrier.close()

    def _linger(self) -> None:
        """Close our side of the transport, and all of it when the peer closes its own, or is slow to.

        Closed at once, it would be reset by bytes that are still on their way to us, and the peer might never read
        our Close frame (RFC 6455 §7.1.1).
        """
        self._end_both_ways()
        transport = self._carrier.transport
        if transport is None or transport.is_closing():
            return
        try:
            if transport.can_write_eof():
                transport.write_eof()
        except OSError:  # the peer's RST has come and was not read yet
            self._carrier.close()
            return
        self._carrier.resume_reading()
        if self._lingering is None:
            self._lingering = self._loop.call_later(WEBSOCKET_LINGERING_S, transport.abort)

    def _end_both_ways(self) -> None:
        self.is_mute = True
        self._inbox.end()
        self._stop_heartbeat()

    def _stop_heartbeat(self) -> None:
        heartbeat, self._heartbeat = self._heartbeat, None
        if heartbeat is not None:
            heartbeat.stop()

    # The side of the carrier.

    def data_received(self, data: bytes) -> None:
        if self._heartbeat is not None:
            self._heartbeat.hear()
        self._inbox.feed(data)

    def eof_received(self) -> None:
        self._end_both_ways()  # the carrier closes itself

    def connection_lost(self, error: Exception | None) -> None:
        self._end_both_ways()
        self._inbox.detach()
        if self._lingering is not None:
            self._lingering.cancel()
            self._lingering = None
        if not self._gone.done():
            self._gone.set_result(None)

    def pause_writing(self) -> None:
        """Nothing to do: the flow of the carrier knows."""

    def resume_writing(self) -> None:
        payload, self._pong_due = self._pong_due, None
        if payload is not None:
            self._tell(WSMsgType.PONG, payload)
