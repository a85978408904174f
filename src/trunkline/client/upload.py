"""Sending a body that does not fit into the head's write: a task beside the wait for the response.

A server may answer before it has read the whole body; then the response counts and the rest is not sent. A body
that cannot be produced ends the request with its error.
"""

import asyncio
from typing import Final

from trunkline.body.payload import Payload
from trunkline.client.request import ClientRequest
from trunkline.conn.body_writer import BodyWriter
from trunkline.conn.client_h1 import ClientH1
from trunkline.conn.errors import UploadFailed, WriteLost
from trunkline.conn.exchange import Exchange

# Some servers never say 100; RFC 9110 §10.1.1 lets a client go on, and curl waits as long.
CONTINUE_WAIT_S: Final = 1.0


def start_upload(connection: ClientH1, exchange: Exchange, request: ClientRequest) -> None:
    """Begin to send the body of `request`, whose head has been sent; the exchange owns the task."""
    loop = asyncio.get_running_loop()
    permission: asyncio.Future[None] | None = None
    if request.expects_continue:
        permission = loop.create_future()
        exchange.on_continue = lambda: None if permission.done() else permission.set_result(None)
    exchange.upload = loop.create_task(_upload(connection, exchange, request, permission))


async def _upload(
    connection: ClientH1,
    exchange: Exchange,
    request: ClientRequest,
    permission: "asyncio.Future[None] | None",
) -> None:
    payload = request.body
    assert isinstance(payload, Payload)
    try:
        if permission is not None:
            await asyncio.wait([permission], timeout=CONTINUE_WAIT_S)
        writer = BodyWriter(connection, request.upload_length, chunked=bool(request.chunked), coding=request.compress)
        await payload.write(writer)  # all of it: what does not fit its announced length is an error, not cut off
        await writer.write_eof()
    except WriteLost:
        pass  # the connection tells the exchange, which may be tried again
    except Exception as error:
        failure = UploadFailed(f"{type(error).__name__}: {error}")
        failure.__cause__ = error
        connection.abort_exchange(exchange, failure)
    except asyncio.CancelledError:
        # If the exchange has ended, we did it. Else the source was cancelled, and the server waits for the rest.
        connection.abort_exchange(exchange, UploadFailed("its source was cancelled"))
        raise
    finally:
        if request.closes_body:
            await payload.close()


async def close_body(exchange: Exchange, request: ClientRequest) -> None:
    """Close the body of `request`, which will not be sent again, now or when it has been sent."""
    if isinstance(request.body, Payload):
        request.closes_body = True
        if exchange.upload is None or exchange.upload.done():
            try:
                await request.body.close()
            except BaseException:
                exchange.abort()  # nobody gets the response
                raise
