"""What can end an exchange besides bad bytes: the connection under it went away, or a peer that is too slow."""

from trunkline.ground.errors import TrunklineError
from trunkline.wire.errors import IncompleteBody


class ClientError(Exception):
    """Root of all public errors of the client (aiohttp's name)."""


class ClientConnectionError(ClientError):
    """The connection failed, or could not be made (aiohttp's name)."""


class ClientConnectionResetError(ClientConnectionError, ConnectionResetError):
    """We wrote to a connection that is closing or gone (aiohttp's name; its server raises it as well)."""


class ConnectionLost(TrunklineError):
    """The transport failed or was closed before the response was complete.

    os_error: what the operating system said; None when the peer closed in good order.
    """

    def __init__(self, message: str, os_error: Exception | None = None) -> None:
        super().__init__(message)
        self.os_error = os_error


def what_was_lost(error: Exception | None, missing: str | None, head_bytes: int) -> Exception:
    """Make the error of an exchange whose connection is gone.

    error: what the operating system said. missing: of the body, in words, if it had begun. head_bytes: of a head that
    had not come whole.
    """
    if missing is not None:
        how = "ended" if error is None else f"broke ({error})"
        return IncompleteBody(f"the connection {how} with {missing} missing")
    if head_bytes:
        return ConnectionLost(f"the connection ended after {head_bytes} bytes of a response head", error)
    return ConnectionLost("the connection ended without a response", error)


class NotSent(ConnectionLost):
    """The connection was found lost before the first byte of the request was sent."""


class NotTaken(NotSent):
    """The same of HTTP/2: the connection ended for many requests at once, or the server says it did nothing of this."""


class NoWebSockets(TrunklineError):
    """The server takes no WebSockets in streams of HTTP/2, which it chose to speak (RFC 8441)."""


class ConnectionClosed(TrunklineError):
    """We closed the connection ourselves while the exchange was going on."""


class PeerSilent(TrunklineError):
    """The peer sent nothing for as long as the read timeout allows, though it was its turn.

    Or it took nothing of what we sent: did_not says what it did not do, in words.
    """

    def __init__(self, silent_s: float, did_not: str = "sent nothing") -> None:
        super().__init__(f"the server {did_not} for {silent_s:.3g} s")
        self.silent_s = silent_s


class DeadlineExpired(TrunklineError):
    """The time for the whole request is over. phase: what it was spent on at the end, in words."""

    def __init__(self, phase: str, total_s: float, elapsed_s: float) -> None:
        super().__init__(
            f"the request took more than {total_s:g} s in all (gave up after {elapsed_s:.3g} s, while {phase})"
        )
        self.phase = phase
        self.total_s = total_s


class WriteLost(ClientConnectionResetError):
    """The connection was lost while a body was being written; the exchange ends with what was lost."""


class UploadFailed(TrunklineError):
    """The request's body could not be produced or sent; the cause says why."""


class RequestPayloadError(Exception):
    """The body of a request is damaged: its framing, its content coding, or its end (aiohttp's name)."""


class BodyTimeout(RequestPayloadError):
    """The client sent nothing of a request's body for as long as the body timeout allows."""


class PayloadAccessError(Exception):
    """The body of a request was read after the request had been answered (aiohttp's name)."""


class RequestLost(ClientConnectionResetError):
    """The client went away before the body of its request had come whole."""
