"""`ClientSession.drain`: waits until all that was asked for has come, and tells of what has not.

A request is under way from the moment when it is made until the last byte of its response, or of its WebSocket. The
pool knows those that wait for a connection or have one, the session those that may be elsewhere: with middlewares, or
between two hops. Both are asked, and each wakes us when something has ended. To take no more requests, and to close, is
the session's part.
"""

import asyncio
from collections.abc import Callable, Set
from dataclasses import dataclass
from typing import Final

from yarl import URL

from trunkline.client.request import ClientRequest
from trunkline.client.send import Chain
from trunkline.conn.errors import ConnectionClosed
from trunkline.conn.exchange import Exchange
from trunkline.ground.logs import client_logger
from trunkline.pool.pool import Pool
from trunkline.wire.version import HttpVersion20

_SWITCHED: Final = 101  # Switching Protocols, RFC 9110 §15.2.2
_BETWEEN: Final = "with the session's middlewares or tracers, between two tries or after the last one"


@dataclass(frozen=True, slots=True)
class Straggler:
    """A request that was still under way when the time to drain was up. phase: what it was at, in words."""

    method: str
    url: URL
    phase: str

    def __str__(self) -> str:
        return f"{self.method} {self.url}, {self.phase}"


async def finish_requests(
    session: object,
    pool: Pool,
    chains: Set[Chain],
    when_ended: Callable[[], "asyncio.Future[None]"],
    timeout_s: float | None,
) -> tuple[Straggler, ...]:
    """Wait until no request of `session` is under way; after `timeout_s` fail those that are, and return them.

    chains: those without a response that may be elsewhere than with the pool; a live set. when_ended: returns what is
    done when one of them gets its response, or fails.
    """
    try:
        async with asyncio.timeout(timeout_s):
            while chains or _carried(session, pool):
                await asyncio.wait((when_ended(), pool.when_freed()), return_when=asyncio.FIRST_COMPLETED)
    except TimeoutError:
        pass
    exchanges = _carried(session, pool)
    stragglers = _stragglers(chains, exchanges)
    for straggler in stragglers:
        client_logger.warning("drain: after %g s still %s; it is ended now", timeout_s, straggler)
    for exchange in exchanges:
        exchange.end(ConnectionClosed(f"the session was drained, and the time for that, {timeout_s:g} s, has passed"))
    return stragglers


def _carried(session: object, pool: Pool) -> list[Exchange]:
    """List the exchanges of `session` that have, or wait for, a connection of the pool, which others may share."""
    return [exchange for exchange in pool.exchanges() if getattr(exchange.request, "session", None) is session]


def _stragglers(chains: Set[Chain], exchanges: list[Exchange]) -> tuple[Straggler, ...]:
    """Tell of each request once: of what the session knows, and of what is left then on connections."""
    by_request = {id(exchange.request): exchange for exchange in exchanges}
    stragglers = []
    for chain in chains:
        exchange = by_request.pop(id(getattr(chain, "request", None)), None)  # it may not have come so far
        phase = _BETWEEN if exchange is None else _phase(exchange)
        stragglers.append(Straggler(chain.method, _public(chain.url), phase))
    for exchange in by_request.values():
        request = exchange.request
        assert isinstance(request, ClientRequest)  # it has a session
        stragglers.append(Straggler(request.method, _public(request.url), _phase(exchange)))
    return tuple(stragglers)


def _phase(exchange: Exchange) -> str:
    head = exchange.head
    if head is not None and (head.status == _SWITCHED or (exchange.request.protocol and head.version == HttpVersion20)):
        return "open as a WebSocket, or another protocol after a 101"
    return exchange.phase


def _public(url: URL) -> URL:
    """Return `url` without credentials, for it is logged."""
    return url.with_user(None) if url.raw_host and url.raw_user else url
