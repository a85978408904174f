"""Sending a body that does not fit into the head's write: a task beside the wait for the response.

A server may answer before it has read the whole body; then the response counts and the rest is not sent. A body
that cannot be produced ends the request with its error. What is told of it, to an `UploadTracker` or by the response,
is told from here.
"""

import asyncio
from typing import Any, Final, Protocol

from yarl import URL

from trunkline.abc import AbstractStreamWriter
from trunkline.body.payload import Payload
from trunkline.client.errors import UploadAbortedError
from trunkline.conn.body_writer import BodyWriter
from trunkline.conn.client_connection import ClientConnection, RequestOutlet
from trunkline.conn.errors import UploadFailed, WriteLost
from trunkline.conn.exchange import Exchange
from trunkline.wire.h1.render import render_request_head
from trunkline.wire.message import RequestHead

# Some servers never say 100; RFC 9110 §10.1.1 lets a client go on, and curl waits as long.
CONTINUE_WAIT_S: Final = 1.0


class Uploading(Protocol):
    """What is read here of a ClientRequest, whose module is above this one."""

    body: Payload | bytes
    small_body: bytes
    uploads: bool
    upload_length: int | None
    chunked: bool | None
    compress: str | None
    expects_continue: bool
    closes_body: bool
    upload: "asyncio.Task[None] | None"
    body_writer: BodyWriter | None  # of the upload
    upload_tracker: Any  # Any: an UploadTracker, whose module is loaded by those who use one
    traces: Any  # Any: as above, of `tracing`
    method: str

    @property
    def url(self) -> URL: ...

    async def write_bytes(
        self, writer: AbstractStreamWriter, conn: Any, content_length: int | None = None
    ) -> None:  # Any: a Connection, or what a subclass makes of it
        """Write the body to `writer`."""


def begin(connection: ClientConnection, exchange: Exchange, request: Uploading) -> None:
    """Send the head of `request`, with a small body at once, with another one by an upload beside the response."""
    body = b"" if request.expects_continue else request.small_body
    outlet = connection.start(exchange, body, is_whole=not request.uploads)
    if request.uploads:
        start_upload(outlet, exchange, request)
    elif request.upload_tracker is not None:
        request.upload_tracker.attempt.sent_with_head(len(request.small_body))


def start_upload(outlet: RequestOutlet, exchange: Exchange, request: Uploading) -> None:
    """Begin to send the body of `request`, whose head has been sent; the exchange owns the task."""
    loop = asyncio.get_running_loop()
    permission: asyncio.Future[None] | None = None
    if request.expects_continue:
        permission = loop.create_future()
        exchange.on_continue = lambda: None if permission.done() else permission.set_result(None)
    request.upload = exchange.upload = loop.create_task(_upload(outlet, exchange, request, permission))


async def _upload(
    outlet: RequestOutlet,
    exchange: Exchange,
    request: Uploading,
    permission: "asyncio.Future[None] | None",
) -> None:
    payload = request.body
    assert isinstance(payload, Payload)
    tracked = None if request.upload_tracker is None else request.upload_tracker.attempt
    public: Exception | None = None
    try:
        open_writer = BodyWriter if tracked is None else tracked.open_writer
        writer = request.body_writer = open_writer(
            outlet,
            request.upload_length,
            chunked=bool(request.chunked) and not outlet.is_framed,
            coding=request.compress,
        )
        if permission is not None:
            await asyncio.wait([permission], timeout=CONTINUE_WAIT_S)
        # All of it: what does not fit its announced length is an error, not cut off.
        await request.write_bytes(_told(writer, exchange, request), outlet)
        outlet.end_body()
    except WriteLost:
        pass  # the connection tells the exchange, which may be tried again
    except Exception as error:
        failure = UploadFailed(f"{type(error).__name__}: {error}")
        failure.__cause__ = error
        public = exchange.as_public(exchange, failure)
        outlet.abort_exchange(exchange, failure)
    except asyncio.CancelledError:
        # If the exchange has ended, we did it. Else the source was cancelled, and the server waits for the rest.
        outlet.abort_exchange(exchange, UploadFailed("its source was cancelled"))
        raise
    finally:
        if tracked is not None:
            tracked.close(public)
        if request.closes_body:
            await payload.close()


def _told(writer: BodyWriter, exchange: Exchange, request: Uploading) -> AbstractStreamWriter:
    """Return the writer that the body is written to: `writer` itself, unless tracers are told of each piece."""
    if request.traces is None:
        return writer
    from trunkline.client.traced_writer import TracedWriter  # few need it

    return TracedWriter(writer, exchange, request.traces, request.method, request.url)


async def close_body(exchange: Exchange | None, request: Uploading) -> None:
    """Close the body of `request`, which will not be sent again, now or when it has been sent.

    exchange: the last one, or None when a middleware answered.
    """
    if isinstance(request.body, Payload):
        request.closes_body = True
        if exchange is None or exchange.upload is None or exchange.upload.done():
            try:
                await request.body.close()
            except BaseException:
                if exchange is not None:
                    exchange.abort()  # nobody gets the response
                raise


def output_size(request: Uploading) -> int:
    """Return how many bytes of the request were handed to the transport: head and body, as they are on the wire."""
    assert isinstance(request, RequestHead)
    writer = request.body_writer
    if writer is None:
        return len(render_request_head(request, request.small_body))
    return len(render_request_head(request)) + writer.output_size


def upload_complete(request: Uploading | None) -> "asyncio.Future[None]":
    """Return a future of the moment at which nothing more of the body will be sent; None: nothing is.

    It fails with UploadAbortedError when the body was not sent whole, and need not be looked at.
    """
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    if request is None:  # a response that was made by hand
        future.set_result(None)
        return future

    def settle(upload: "asyncio.Task[None] | None") -> None:
        if future.done():
            return
        writer = request.body_writer
        if upload is None or (writer is not None and writer.is_whole):
            future.set_result(None)
        else:
            future.set_exception(UploadAbortedError("The request body was not fully sent"))
            future.exception()  # asyncio shall not complain when nobody looks

    if request.upload is None or request.upload.done():
        settle(request.upload)
    else:
        request.upload.add_done_callback(settle)
    return future
