"""`ServerConnection`: what every connection of a server does, whatever protocol it speaks.

It owns the transport, tells writers when to wait, and notes how long it waits for its client. What the bytes mean is
its subclasses' part.
"""

import asyncio
import socket
from contextlib import suppress
from contextvars import copy_context
from typing import Any, cast

from trunkline.conn.errors import WriteLost
from trunkline.conn.patience import Patience
from trunkline.conn.receive_buffer import receive_buffer
from trunkline.conn.service import Service
from trunkline.transport.flow import WriteFlow


class ServerConnection(asyncio.BufferedProtocol):
    """One connection. transport: None once it is lost. sending: hands a file to the operating system.

    task: the one that answers a request now; None between two, and in a first step.
    """

    __slots__ = (
        "__weakref__",
        "_buffer",
        "_context",
        "_is_paused",
        "_patience",
        "_rules",
        "_service",
        "flow",
        "is_tls",
        "loop",
        "sending",
        "task",
        "transport",
    )

    # Any: a service answers connections of one class, which is ours or derived from it.
    def __init__(self, loop: asyncio.AbstractEventLoop, service: Service[Any]) -> None:
        self.loop = loop
        self._service = service
        self._rules = service.rules
        self._buffer = receive_buffer(loop)
        self._patience = Patience(service.watch, service.rules.write_timeout_s)
        self.transport: asyncio.Transport | None = None
        self._is_paused = False
        self._context = copy_context()  # whose copies requests are answered in; that of the server once it is connected
        self.flow = WriteFlow(loop)
        self.is_tls = False
        self.sending: asyncio.Task[int] | None = None
        self.task: asyncio.Task[None] | None = None

    @property
    def is_idle(self) -> bool:
        """True between two requests, with no byte of the next."""
        raise NotImplementedError

    def cancel(self) -> None:
        """Cancel the tasks that answer."""
        raise NotImplementedError

    @property
    def tasks(self) -> "list[asyncio.Task[None]]":
        """Those that answer requests now."""
        return [] if self.task is None else [self.task]

    @property
    def idle_since(self) -> float:
        """When the present wait for the client began, by the loop's clock."""
        return self._patience.since

    @property
    def is_ending(self) -> bool:
        """True when no request is taken after the present one."""
        return self._service.is_closing

    @property
    def is_lost(self) -> bool:
        """True when nothing can be sent any more."""
        return self.transport is None or self.transport.is_closing()

    @property
    def has_unsent(self) -> bool:
        """True while the transport holds bytes that the system has not taken."""
        return self.transport is not None and self.transport.get_write_buffer_size() > 0

    def send(self, data: bytes) -> None:
        """Write `data`; raise WriteLost, a ConnectionResetError, when nobody would get it."""
        transport = self.transport
        if transport is None or transport.is_closing():
            raise WriteLost("the client closed the connection before the response was sent")
        transport.write(data)

    def close(self) -> None:
        """Close the transport once all is sent. Idempotent."""
        if self.transport is not None and not self.transport.is_closing():
            self._patience.stop()
            self._patience.watch_sending(self.transport.get_write_buffer_size())
            self.transport.close()

    def abort(self) -> None:
        """Close the transport at once and drop what was not sent. Idempotent."""
        if self.sending is not None:
            self.sending.cancel()  # first: asyncio (to 3.12 at least) logs an error when a transport is lost under it
        if self.transport is not None:
            self.transport.abort()

    def turn_away(self, answer: bytes) -> None:
        """Refuse a client that is one too many, by `answer`."""
        self.send(answer)
        self.close()

    def announce_end(self) -> None:
        """Tell the client that the end is near, where the protocol can."""

    def expect_progress(self) -> None:
        """Begin to wait for the client to take what it is being sent."""
        self._patience.wait(self._rules.write_timeout_s)

    def expect_nothing(self) -> None:
        """Wait for the client no more."""
        self._patience.stop()

    # The side of the transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._context = copy_context()
        self.transport = cast(asyncio.Transport, transport)  # uvloop's are no instances of it
        self.is_tls = transport.get_extra_info("sslcontext") is not None
        sock = transport.get_extra_info("socket")
        if self._rules.tcp_keepalive and sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            with suppress(OSError):  # on some systems, when the client has reset the connection by now
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def pause_writing(self) -> None:
        if self.transport is not None:
            self._patience.watch_sending(self.transport.get_write_buffer_size())
        self.flow.pause_writing()

    def resume_writing(self) -> None:
        self.flow.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self._patience.stop()
        self.flow.connection_lost(exc)
        if self.sending is not None:
            self.sending.cancel()

    def look(self, now: float) -> None:
        """Give up what has been waited for too long; `now` by the loop's clock."""
        if self.transport is not None:
            self._patience.look(now, self.transport, self.flow.paused, self._give_up)

    def _give_up(self, limit_s: float) -> None:
        """The client has let us wait for `limit_s`."""
        self.abort()

    def _pause(self) -> None:
        if not self._is_paused and self.transport is not None and not self.transport.is_closing():
            self._is_paused = True
            self.transport.pause_reading()

    def _resume(self) -> None:
        if self._is_paused and self.transport is not None and not self.transport.is_closing():
            self._is_paused = False
            self.transport.resume_reading()

    def _say_no_more(self) -> bool:
        """Close our direction alone; False where that cannot be done (TLS, or a client that has gone)."""
        transport = self.transport
        if transport is None or transport.is_closing() or not transport.can_write_eof():
            return False
        try:
            transport.write_eof()
        except OSError:  # its RST has come and was not read yet
            return False
        return True
