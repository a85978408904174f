"""Where a redirect leads, and what of the request goes there (RFC 9110 §15.4).

301 and 302 turn POST into GET, as all clients do, and 303 turns all but HEAD into GET; then there is no body. 307 and
308 keep method and body. Credentials stay with the origin that they were given to: once a chain has left it, they are
not sent again, even if it comes back.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

from yarl import URL

from trunkline import hdrs
from trunkline.body.stream import StreamReader
from trunkline.client.errors import (
    ClientError,
    ClientPayloadError,
    InvalidUrlRedirectClientError,
    NonHttpUrlRedirectClientError,
    TooManyRedirects,
)
from trunkline.client.request import ClientRequest
from trunkline.client.response import ClientResponse
from trunkline.conn.exchange import Exchange
from trunkline.ground.logs import client_logger

STATUSES: Final = frozenset({301, 302, 303, 307, 308})
# A redirect's body is read to keep the connection, unless it is long. Go reads 2 KiB, browsers all of it.
MAX_DRAINED_BYTES: Final = 2**16
CREDENTIAL_FIELDS: Final = (hdrs.AUTHORIZATION, hdrs.COOKIE, hdrs.PROXY_AUTHORIZATION)
BODY_FIELDS: Final = (
    hdrs.CONTENT_LENGTH,
    hdrs.CONTENT_TYPE,
    hdrs.CONTENT_ENCODING,
    hdrs.TRANSFER_ENCODING,
    hdrs.EXPECT,
)


@dataclass(frozen=True, slots=True)
class Redirect:
    """The next request of a chain. keeps_body: send the same body. keeps_credentials: it is still the first origin."""

    method: str
    url: URL
    keeps_body: bool
    keeps_credentials: bool


def next_hop(
    request: ClientRequest,
    response: ClientResponse,
    *,
    max_redirects: int,
    requote: bool,
    keeps_credentials: bool,
) -> Redirect | None:
    """Tell where `response`, a redirect, leads; None when it does not say.

    Raises TooManyRedirects, InvalidUrlRedirectClientError, NonHttpUrlRedirectClientError, or ClientPayloadError
    when the body would have to be sent again but cannot.
    """
    location = response.headers.get(hdrs.LOCATION) or response.headers.get(hdrs.URI)
    if location is None:
        return None
    history = (*response.history, response)
    if max_redirects and len(history) >= max_redirects:
        raise TooManyRedirects(
            history[0].request_info,
            history,
            status=response.status,
            message=f"max_redirects={max_redirects} is reached, and the server redirects on to {location[:200]}; "
            "raise max_redirects if the chain has an end",
            headers=response.headers,
        )
    url = _target(location, request.original_url, requote)
    method, keeps_body = _method(response.status, request.method)
    if keeps_body and not request.can_replay:
        raise ClientPayloadError(
            f"Cannot follow redirect with a consumed request body: {response.status} to {url} asks for the same body "
            "again, and this one can be read only once; send bytes or a seekable file, or set allow_redirects=False"
        )
    return Redirect(method, url, keeps_body, keeps_credentials and url.origin() == request.url.origin())


def _method(status: int, method: str) -> tuple[str, bool]:
    becomes_get = (status == 303 and method != hdrs.METH_HEAD) or (status in (301, 302) and method == hdrs.METH_POST)
    return (hdrs.METH_GET, False) if becomes_get else (method, True)


def _target(location: str, base: URL, requote: bool) -> URL:
    try:
        url = URL(location, encoded=not requote)
    except (ValueError, IndexError) as error:  # IndexError: yarl's, for some hosts with a bracket in the middle
        raise InvalidUrlRedirectClientError(
            location, "Server attempted redirecting to a location that does not look like a URL"
        ) from error
    if url.scheme and url.scheme not in ("http", "https"):
        raise NonHttpUrlRedirectClientError(url)
    if not url.scheme:
        url = base.join(url)
    try:
        url.origin()
        str(url)  # join() may return what cannot be written: of `//[:-2]:` it drops the brackets
    except ValueError as error:
        raise InvalidUrlRedirectClientError(location, "Invalid redirect URL origin") from error
    if not url.raw_fragment and base.raw_fragment:
        url = url.with_fragment(base.fragment)  # RFC 9110 §10.2.2
    return url


async def drain(response: ClientResponse) -> None:
    """Read the rest of a short redirect body, so that its connection can be used again; give up a long one."""
    exchange = response.exchange
    if exchange is None:  # a middleware made it
        response.release()
        return
    try:
        if exchange.carrier is not None and exchange.body is not None and _is_worth_draining(exchange, exchange.body):
            await exchange.body.wait_eof()
    except ClientError as error:
        client_logger.debug("the body of redirect %r is of no use: %s", response.url, error)
    finally:
        response.release()
    if exchange.upload is not None:
        await asyncio.wait([exchange.upload])  # the body is about to be closed, or sent again


def _is_worth_draining(exchange: Exchange, body: StreamReader) -> bool:
    head = exchange.head
    if head is None or not head.keep_alive or head.content_length is None:
        return False
    # More than the stream's high mark would pause the connection, and never come whole.
    return head.content_length <= min(MAX_DRAINED_BYTES, body.get_read_buffer_limits()[1])
