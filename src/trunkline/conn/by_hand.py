"""What libraries do with the protocol of a connection by hand, under aiohttp's names.

Some hand in bytes that came another way, some take over a connection after a 101 with a parser of their own. Nothing
here is used by our own requests.
"""

import asyncio
from typing import Any, Protocol

from trunkline.conn.receiver import Receiver
from trunkline.transport.flow import WriteFlow
from trunkline.transport.handshake import deliver


class Parser(Protocol):
    """What takes the bytes of another protocol."""

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Take bytes; return True when nothing more is wanted, and what was left of them."""

    def feed_eof(self) -> None:
        """Note that nothing more comes."""

    def set_exception(self, exc: BaseException) -> None:
        """Note that the connection broke."""


class ParserReceiver:
    """Gives the bytes of a connection that has left HTTP to `parser`, until it wants no more. It is a `Receiver`."""

    def __init__(self, parser: Parser) -> None:
        self._parser = parser
        self._wants_more = True

    def data_received(self, data: bytes) -> None:
        if self._wants_more:
            is_done, _ = self._parser.feed_data(data)
            self._wants_more = not is_done

    def eof_received(self) -> None:
        if self._wants_more:
            self._wants_more = False
            self._parser.feed_eof()

    def connection_lost(self, error: Exception | None) -> None:
        if error is not None and self._wants_more:
            self._wants_more = False
            self._parser.set_exception(error)
        else:
            self.eof_received()

    def pause_writing(self) -> None:
        """Nothing to do: the flow of the connection knows."""

    def resume_writing(self) -> None:
        """Nothing to do either."""


def drop(transport: asyncio.Transport) -> None:
    """Close `transport` at once; a transport of a user's may only know how to close."""
    try:
        transport.abort()
    except NotImplementedError:
        transport.close()


class DrivenByHand:
    """The methods of a `ClientH1` that only libraries call."""

    __slots__ = ()

    transport: asyncio.Transport | None
    flow: WriteFlow
    is_reusable: bool

    def data_received(self, data: bytes) -> None:
        """Take bytes that came from elsewhere than the transport's own reading."""
        deliver(self, data)  # type: ignore[arg-type]  # it is a BufferedProtocol in the class that has this part

    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:
        """End the exchange that is going on with `exc`, and close the connection."""
        exc.__cause__ = exc_cause or exc.__cause__
        self.fail(exc if isinstance(exc, Exception) else ConnectionError(repr(exc)))

    def set_parser(self, parser: Parser, payload: Any = None) -> None:  # Any: where the parser puts what it makes
        """Give all that comes after a 101 to `parser`. Raises RuntimeError when there was none."""
        self.switch_protocol(ParserReceiver(parser))

    def force_close(self) -> None:
        """Close the connection after the exchange that is going on, instead of keeping it."""
        self.is_reusable = False  # type: ignore[misc]  # the class that has this part has the slot

    @property
    def _reading_paused(self) -> bool:
        return self.transport is not None and not self.transport.is_reading()

    async def _drain_helper(self) -> None:
        await self.flow.drain()

    def fail(self, error: Exception) -> None:
        """Close the connection; the exchange that is going on, if any, ends with `error`."""
        raise NotImplementedError

    def switch_protocol(self, receiver: Receiver) -> None:
        """Give all further bytes to `receiver`."""
        raise NotImplementedError
