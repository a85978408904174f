"""`Requester`: what brings a request and takes its answer, whatever the version.

It is a connection of HTTP/1.1 (`ServerH1`), or a stream of HTTP/2 (`ServerStream`).
"""

import asyncio
from typing import Protocol

from trunkline.conn.receiver import Receiver
from trunkline.conn.response_writer import ResponseWriter
from trunkline.transport.flow import WriteFlow


class Requester(Protocol):
    """What requests and responses know of the connection. task: the one that answers; None in its first step.

    transport: None once it is lost. is_ending: no request is taken after this one.
    """

    task: "asyncio.Task[None] | None"

    @property
    def loop(self) -> asyncio.AbstractEventLoop: ...
    @property
    def transport(self) -> asyncio.Transport | None: ...
    @property
    def flow(self) -> WriteFlow: ...
    @property
    def is_ending(self) -> bool: ...
    @property
    def is_lost(self) -> bool: ...

    def send(self, data: bytes) -> None:
        """Write `data`. Raises WriteLost, a ConnectionResetError, when nobody would get it."""

    def send_continue(self) -> None:
        """Ask for the body of a request that waits for it."""

    def open_writer(self) -> ResponseWriter:
        """Return the writer of a response."""
        raise NotImplementedError

    def switch_protocol(self, receiver: Receiver) -> None:
        """Give all further bytes to `receiver`."""

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...

    def finish(self, keeps_alive: bool) -> None:
        """The answer is out. keeps_alive: the client was told that another request may follow."""

    def close(self) -> None: ...
    def force_close(self) -> None: ...
    def abort(self) -> None: ...
