"""`Receiver`: who gets the bytes of a connection that has left HTTP (RFC 9110 §7.8)."""

from typing import Protocol


class Receiver(Protocol):
    """What a connection tells the one to whom `switch_protocol` gave its bytes."""

    def data_received(self, data: bytes) -> None:
        """Take bytes, in the order in which they came."""

    def eof_received(self) -> None:
        """Note that the peer sends no more; the connection closes itself."""

    def connection_lost(self, error: Exception | None) -> None:
        """Note that the connection is gone: nothing comes, nothing can be sent."""

    def pause_writing(self) -> None:
        """Note that the transport holds enough; it is told to the connection's flow as well."""

    def resume_writing(self) -> None:
        """Note that the transport takes more."""
