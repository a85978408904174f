"""`ClientConnection`: what the pool and the client ask of a connection, whatever version of HTTP it speaks.

It carries one exchange at a time. Under HTTP/1.1 it is a connection indeed, `ClientH1`; under HTTP/2 an `H2Lane`, a
place on a connection that many lanes share.
"""

import asyncio
from typing import Protocol

from trunkline.conn.body_writer import Outlet
from trunkline.conn.errors import ConnectionClosed
from trunkline.conn.exchange import Exchange
from trunkline.conn.key import ConnectionKey
from trunkline.conn.owner import Owner
from trunkline.conn.receiver import Receiver
from trunkline.transport.flow import WriteFlow


class RequestOutlet(Outlet, Protocol):
    """What carries one exchange: a connection, or a stream of one. The request's body is written to it.

    is_framed: the version of HTTP delimits bodies, and `end_body` is to be called.
    """

    @property
    def is_framed(self) -> bool: ...

    @property
    def is_closed(self) -> bool: ...

    def end_body(self) -> None:
        """Note that the body has been written whole."""

    def switch_protocol(self, receiver: Receiver) -> None:
        """Give all further bytes to `receiver`."""

    def send(self, data: bytes) -> None:
        """Write bytes of the protocol that was switched to."""

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def close(self) -> None:
        """Close it; idempotent."""

    def abort_exchange(self, exchange: Exchange, error: Exception | None = None) -> None:
        """End the exchange, with `error` if anybody waits."""


class ClientConnection(Protocol):
    """A place for one exchange at a time. key: what it may be used for; its owner is told when it is gone.

    served: exchanges begun on it; of a lane also 1 for those before it on its connection. aged_s: for how long its
    socket had been open when its owner got it. idle_s, rested_s, hinted_s: see `ClientH1`.
    """

    owner: "Owner[ClientConnection] | None"
    key: ConnectionKey
    served: int
    idle_s: float
    rested_s: float
    hinted_s: float
    is_reusable: bool
    is_tls: bool
    transport: asyncio.Transport | None
    gone: "asyncio.Future[None]"

    @property
    def aged_s(self) -> float: ...

    @property
    def is_shared(self) -> bool:
        """True when others use its socket, too."""

    @property
    def flow(self) -> WriteFlow: ...

    @property
    def is_closed(self) -> bool:
        """True when no request can be sent any more."""

    @property
    def exchange(self) -> Exchange | None:
        """The exchange that it carries."""

    def is_alive(self) -> bool:
        """Tell, by a system call, whether the peer has not closed it."""

    def start(self, exchange: Exchange, body: bytes = b"", *, is_whole: bool = True) -> RequestOutlet:
        """Send the head of `exchange` with `body`; return where the rest of the body goes, unless it `is_whole`."""

    def switch_protocol(self, receiver: Receiver) -> None:
        """Give all further bytes to `receiver`."""

    def send(self, data: bytes) -> None:
        """Write bytes of the protocol that was switched to."""

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def close(self) -> None:
        """Close it; idempotent."""

    def abort(self) -> None:
        """Close it at once; idempotent."""

    def abandon(self) -> None:
        """Let go of the transport without a word to the peer: another process goes on with it."""

    def interrupt(self, reason: str) -> None:
        """Close it; an exchange that is going on ends with an error that gives `reason`."""

    def fail(self, error: Exception) -> None:
        """Close it; an exchange that is going on ends with `error`."""


class OnItsOwnSocket:
    """What holds for a connection that shares its socket with no other, and whose bodies delimit themselves."""

    __slots__ = ()

    aged_s = 0.0
    is_framed = False
    is_shared = False
    transport: asyncio.Transport | None
    is_reusable: bool

    def abandon(self) -> None:
        """Let go of the transport without a word to the peer: another process goes on with it."""
        self.transport, self.is_reusable = None, False  # type: ignore[misc]  # slots of the class that has this part

    def end_body(self) -> None:
        """Nothing to do: the length or the last chunk has said so."""

    def interrupt(self, reason: str) -> None:
        """Close the connection; an exchange that is going on ends with an error that gives `reason`."""
        self.fail(ConnectionClosed(reason))

    def fail(self, error: Exception) -> None:
        """Close the connection; the exchange that is going on, if any, ends with `error`."""
        raise NotImplementedError
