"""One try: a request goes out on a connection, and the head of its response comes back.

The pool gives a connection at once or after a wait; one deadline covers all, up to the last byte of the body. A
connection that was idle may have been closed by the server just when we wrote to it. Then the request is sent once
more, on a fresh connection, if nothing of it was sent or if doing it twice is the same as doing it once (RFC 9110
§9.2.2) and its body can be given again. One that may not be sent twice goes only where no end of the connection waits
to be read. Redirects are `redirects`' part.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from trunkline.client.errors import ClientError, ConnectionTimeoutError
from trunkline.client.failures import as_public
from trunkline.client.request import IDEMPOTENT_METHODS, ClientRequest
from trunkline.client.settings import Settings
from trunkline.client.timeouts import ClientTimeout
from trunkline.client.upload import begin
from trunkline.conn.client_connection import ClientConnection
from trunkline.conn.errors import ConnectionLost, NotSent, NotTaken
from trunkline.conn.exchange import Exchange
from trunkline.conn.telling import tell
from trunkline.ground.errors import TrunklineError
from trunkline.ground.logs import client_logger
from trunkline.pool.connection import Connection
from trunkline.pool.pool import Pool
from trunkline.transport.deadline import Deadlines

# A connection that gave its last response so lately is not asked for its end: it would take a system call to see what
# came within that time, and what comes right after it could not be seen anyway.
_JUST_NOW_S: Final = 0.001
# Tries of a request that servers do not take. Connections of HTTP/2 end for many requests at once, and some of them
# after a few (nginx: keepalive_requests), so the next one may end, too. Go's client makes as many.
_MAX_TRIES: Final = 7


async def attempt(
    pool: Pool, deadlines: Deadlines, request: ClientRequest, settings: Settings, left_s: float
) -> Exchange:
    """Send `request`; return its exchange once the head of the response has come.

    left_s: seconds that are left of `settings.total_s`; 0 for no limit. Raises the public errors.
    """
    is_watched = request.is_watched
    connection = pool.take(request.prepared.key) if not is_watched or request.connect is None else None
    tries = 0
    while True:
        exchange = _watched(request, settings) if is_watched else Exchange(request, settings.rules, as_public)
        if left_s:
            exchange.total_s = settings.total_s
            add = deadlines.add if left_s == settings.total_s else deadlines.add_odd
            exchange.deadline = deadline = add(left_s, exchange.expire)
        is_stale = False
        tries += 1
        try:
            if connection is None:
                connection = await _acquire(pool, exchange, request, settings, tries - 1)
                is_watched = request.is_watched  # the connector may have put a `send` of its own there
            elif is_watched and exchange.probe is not None:
                await pool.tell_reuse(connection, exchange)
            is_stale = connection.served > 0 and tries == 1
            body = request.body
            if is_stale and (body or request.method not in IDEMPOTENT_METHODS or not settings.retry):
                _check_alive(pool, connection, request, settings)
            if is_watched and exchange.probe is not None:
                await _tell_sending(pool, connection, exchange, request)
            waiter = exchange.waiter = pool.loop.create_future()
            if not is_watched and not body:
                connection.start(exchange)
            elif not request.sends_itself:
                begin(connection, exchange, request)
            else:
                await _send_itself(pool, connection, exchange, request)
            await waiter
            return exchange
        except BaseException as error:
            exchange.abort()
            if connection is not None:
                _learn(pool, connection, exchange)
            if exchange.upload is not None:
                await asyncio.wait([exchange.upload])  # the body is about to be closed, or sent again
            is_unsent = _is_unprocessed(exchange, request, error, tries)
            if not (is_unsent or (is_stale and settings.retry and _may_repeat(exchange, request, error))):
                if isinstance(error, TrunklineError):
                    error = as_public(exchange, error)
                if isinstance(error, Exception):
                    pool.counters.note_error(request.prepared.key, type(error).__name__)
                raise error
            if not isinstance(error, NotSent):
                pool.counters.note_retry(request.prepared.key)
        client_logger.debug("%s %s: the connection was stale; trying another", request.method, request.url)
        if left_s:
            left_s = max(deadline.expires_at - pool.loop.time(), 0.001)
        connection = None


def _check_alive(pool: Pool, connection: ClientConnection, request: ClientRequest, settings: Settings) -> None:
    """Raise NotSent for a request that must not be sent twice when the end of `connection` has come unseen."""
    if connection.rested_s < _JUST_NOW_S or (settings.retry and request.can_repeat) or connection.is_alive():
        return
    connection.close()
    pool.release(connection)
    raise NotSent("the server has closed the connection, or sent something, before the request")


async def _acquire(
    pool: Pool, exchange: Exchange, request: ClientRequest, settings: Settings, misses: int
) -> ClientConnection:
    if misses:
        exchange.misses, exchange.wants_fresh = misses, True
    if request.connect is not None:
        connection = await _connect_by(request.connect, exchange, request, settings)
    else:
        connection = await pool.acquire(request.prepared.key, exchange, settings.limits)
    if exchange.error is not None:  # the deadline passed in the moment in which the connection came
        pool.release(connection)
        raise exchange.error
    if "send" in request.__dict__:
        request.sends_itself = request.is_watched = True
    return connection


async def _connect_by(
    connect: Callable[..., Awaitable[Connection]], exchange: Exchange, request: ClientRequest, settings: Settings
) -> ClientConnection:
    """Get a connection from a connector's own `connect`, no longer than `exchange` lasts."""
    limits = settings.limits
    given: list[object] = []  # of a connector of the user's

    async def ask() -> None:
        timeout = ClientTimeout(connect=limits.connect_s, sock_connect=limits.open_s)
        given.append(await connect(request, exchange.probe or [], timeout))

    try:
        await tell(exchange, ask())
    except TimeoutError as error:
        if isinstance(error, ClientError) or error is exchange.error:
            raise
        raise ConnectionTimeoutError(f"Connection timeout to host {request.url}") from error
    if not isinstance(given[0], Connection):
        raise TypeError(f"the connector's connect() returned a {type(given[0]).__name__}; wanted a Connection")
    return given[0].use()


def _watched(request: ClientRequest, settings: Settings) -> Exchange:
    """Make the exchange of a request that somebody watches."""
    if request.upload_tracker is not None:
        request.upload_tracker.start_attempt()
    if request.recording is not None:
        recorded: Exchange = request.recording.begin_try(request, settings.rules)
        return recorded
    exchange = Exchange(request, settings.rules, as_public)
    exchange.probe = request.traces
    return exchange


async def _tell_sending(pool: Pool, connection: ClientConnection, exchange: Exchange, request: ClientRequest) -> None:
    """Tell the tracers what is about to be sent on `connection`; they may still change the fields."""
    traces = request.traces
    try:
        await tell(exchange, traces.send_request_headers(request.method, request.url, request.headers))
        request.seal()
        if request.body and not request.uploads:
            await tell(exchange, traces.send_request_chunk_sent(request.method, request.url, request.small_body))
    except BaseException:
        pool.release(connection)
        raise


async def _send_itself(pool: Pool, connection: ClientConnection, exchange: Exchange, request: ClientRequest) -> None:
    """Let a request class of the user's send, in its own way; if it does not, the connection goes back."""
    unused = Connection(exchange, pool.loop, connection)
    try:
        request.response = await request.send(unused)
    finally:
        unused.release_unused()
    waiter = exchange.waiter
    if exchange.carrier is None and waiter is not None and not waiter.done():  # nothing was sent, so no head will come
        if request.response is None:
            raise RuntimeError(f"{type(request).__name__}.send() neither sent anything nor returned a response")
        exchange.finish()
        waiter.set_result(None)


def _learn(pool: Pool, connection: ClientConnection, exchange: Exchange) -> None:
    """Note how long a connection had been idle, if it was lost as soon as it was used again."""
    error = exchange.error
    if isinstance(error, ConnectionLost) and not isinstance(error, NotSent) and not exchange.is_answered:
        pool.idle_limits.note_drop(connection.key.endpoint, connection.rested_s)


def _is_unprocessed(exchange: Exchange, request: ClientRequest, error: BaseException, tries: int) -> bool:
    """Tell whether nothing of the request was sent, or the server says that it did nothing of it (RFC 9113 §8.7)."""
    if not isinstance(error, Exception):  # who is cancelled stops
        return False
    cause = exchange.error if request.can_replay and not isinstance(error, NotSent) else error
    return isinstance(cause, NotSent) and tries < (_MAX_TRIES if isinstance(cause, NotTaken) else 2)


def _may_repeat(exchange: Exchange, request: ClientRequest, error: BaseException) -> bool:
    if not isinstance(error, Exception):  # who is cancelled stops, whatever else happened
        return False
    return isinstance(exchange.error, ConnectionLost) and not exchange.is_answered and request.can_repeat
