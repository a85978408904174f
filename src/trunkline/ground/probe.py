"""`Probe`: whom the layers below the client tell what they do for a request that is traced.

The pool and the DNS cache await these methods where the things happen; a request that is not traced has no probe. What
becomes of it is `client/tracing`'s part, whose names these are. Users' callbacks run in them: they may take their time,
raise, or be cancelled, and whoever awaits one holds nothing that would be lost then.
"""

from collections.abc import Callable
from typing import Protocol

Mark = Callable[[str], None]


class Probe(Protocol):
    """What is told on the way to a connection, one method for each event."""

    async def send_connection_queued_start(self) -> None:
        """No connection is free: the request waits."""

    async def send_connection_queued_end(self) -> None:
        """Its turn has come."""

    async def send_connection_create_start(self) -> None:
        """A connection is about to be opened for it."""

    async def send_connection_create_end(self) -> None:
        """The connection is open, TLS included."""

    async def send_connection_reuseconn(self) -> None:
        """It gets a connection that has served before."""

    async def send_dns_cache_hit(self, host: str) -> None:
        """The addresses of `host` are known, or are being looked up for another request."""

    async def send_dns_cache_miss(self, host: str) -> None:
        """They are not."""

    async def send_dns_resolvehost_start(self, host: str) -> None:
        """The resolver is about to be asked."""

    async def send_dns_resolvehost_end(self, host: str) -> None:
        """It has answered, with addresses."""

    def mark(self, phase: str) -> None:
        """A phase begins for which users have no callback: "connect", "tunnel" or "tls"."""


def no_mark(phase: str) -> None:
    """Take the mark of a request that is not traced."""
