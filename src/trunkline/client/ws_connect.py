"""`ws_connect`: asks a server for a WebSocket, and checks its answer (RFC 6455 §4.1).

The question is a request of the session's like others, so that redirects, cookies, credentials, proxies, middlewares
and tracing apply. What the fields of both mean is told in `wire.ws.handshake`.
"""

from __future__ import annotations

import asyncio
import os
import warnings
from collections.abc import Collection, Generator
from dataclasses import replace
from numbers import Real
from types import TracebackType
from typing import Any, Final

from multidict import CIMultiDict

from trunkline import hdrs
from trunkline.client.auth import BasicAuth
from trunkline.client.context import RequestContext
from trunkline.client.errors import WSServerHandshakeError
from trunkline.client.response import ClientResponse
from trunkline.client.websocket import DEFAULT_WS_CLIENT_TIMEOUT, ClientWebSocketResponse, ClientWSTimeout
from trunkline.ground.caller import outer_level
from trunkline.ground.sentinel import Sentinel, sentinel
from trunkline.ground.types import LooseHeaders, Query, StrOrURL
from trunkline.wire.errors import BadHandshake
from trunkline.wire.limits import MAX_MESSAGE_BYTES
from trunkline.wire.version import HttpVersion20
from trunkline.wire.ws.assembler import MessageReader
from trunkline.wire.ws.extensions import DeflateTerms, offer_deflate
from trunkline.wire.ws.frames import FrameWriter
from trunkline.wire.ws.handshake import (
    NONCE_BYTES,
    VERSION,
    Opening,
    check_answer,
    check_protocols,
    check_terms,
    render_key,
)
from trunkline.wire.ws.mask import masking_keys

_SWITCHED: Final = 101  # Switching Protocols, RFC 9110 §15.2.2


class WSRequestContext(RequestContext[Any]):  # Any: a WebSocket is no response, but comes in the same way
    """One WebSocket that is opened when it is awaited or entered; the end of an `async with` block closes it."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, None, ClientWebSocketResponse]:
        return self._coroutine.__await__()

    async def __aenter__(self) -> ClientWebSocketResponse:
        websocket: ClientWebSocketResponse = await super().__aenter__()
        return websocket

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self._resp.close()


async def ws_connect(
    session: Any,  # Any: the session's module is above this one
    url: StrOrURL,
    *,
    method: str = hdrs.METH_GET,
    protocols: Collection[str] = (),
    timeout: ClientWSTimeout | float | Sentinel | None = sentinel,
    receive_timeout: float | None = None,
    autoclose: bool = True,
    autoping: bool = True,
    heartbeat: float | None = None,
    auth: BasicAuth | None = None,
    origin: str | None = None,
    params: Query = None,
    headers: LooseHeaders | None = None,
    proxy: StrOrURL | None = None,
    proxy_auth: BasicAuth | None = None,
    ssl: Any = True,  # Any: checked by the request, with its deprecated forms
    verify_ssl: bool | None = None,
    fingerprint: bytes | None = None,
    ssl_context: Any = None,
    server_hostname: str | None = None,
    proxy_headers: LooseHeaders | None = None,
    compress: int = 0,
    max_msg_size: int = MAX_MESSAGE_BYTES,
    decode_text: bool = True,
    response_class: type[ClientWebSocketResponse] | None = None,
) -> ClientWebSocketResponse:
    """Open a WebSocket; the arguments are those of `ClientSession.ws_connect`.

    response_class: the session's `ws_response_class`. Raises WSServerHandshakeError, and whatever a request may raise.
    """
    limits = _limits(timeout, receive_timeout)
    key = render_key(os.urandom(NONCE_BYTES))
    fields = _question(key, headers, protocols, origin, compress)
    old_tls = {"verify_ssl": verify_ssl, "fingerprint": fingerprint, "ssl_context": ssl_context}
    response: ClientResponse = await session.request(
        method, url, params=params, headers=fields, read_until_eof=False, auth=auth, proxy=proxy, proxy_auth=proxy_auth,
        ssl=ssl, server_hostname=server_hostname, proxy_headers=proxy_headers,
        **{name: value for name, value in old_tls.items() if value is not None},
    )  # fmt: skip
    try:
        opening = _check(response, key, fields, compress)
        reader, writer = _codec(opening.deflate, max_msg_size, decode_text)
        return (response_class or ClientWebSocketResponse)(
            reader, writer, opening.protocol, response, limits, autoclose, autoping, asyncio.get_running_loop(),
            heartbeat=heartbeat,
            compress=0 if opening.deflate is None else opening.deflate.window_bits(is_server=False),
            client_notakeover=opening.deflate is not None and not opening.deflate.client_keeps_context,
        )  # fmt: skip
    except BaseException:
        response.close()
        raise


def _codec(deflate: DeflateTerms | None, max_msg_size: int, decode_text: bool) -> tuple[MessageReader, FrameWriter]:
    """Return what reads the server's messages, and what writes ours."""
    inflater = None if deflate is None else deflate.inflater(is_server=False)
    deflater = None if deflate is None else deflate.deflater(is_server=False)
    reader = MessageReader(is_server=False, max_bytes=max_msg_size, inflater=inflater, decode_text=decode_text)
    return reader, FrameWriter(masking_keys(os.urandom).__next__, deflater)


def _limits(timeout: object, receive_timeout: float | None) -> ClientWSTimeout:
    if timeout is sentinel:
        limits = DEFAULT_WS_CLIENT_TIMEOUT
    elif isinstance(timeout, ClientWSTimeout):
        limits = timeout
    elif timeout is None:
        limits = ClientWSTimeout()
    elif isinstance(timeout, Real):
        _warn_of_float("timeout", "ws_close")
        limits = ClientWSTimeout(ws_close=float(timeout))
    else:
        raise TypeError(f"timeout of type {type(timeout).__name__}; pass a ClientWSTimeout")
    if receive_timeout is not None:
        _warn_of_float("receive_timeout", "ws_receive")
        limits = replace(limits, ws_receive=receive_timeout)
    return limits


def _warn_of_float(name: str, field: str) -> None:
    warnings.warn(
        f"parameter {name!r} of type 'float' is deprecated, please use 'timeout=ClientWSTimeout({field}=...)'",
        DeprecationWarning,
        stacklevel=outer_level(),
    )


def _question(
    key: str, headers: LooseHeaders | None, protocols: Collection[str], origin: str | None, compress: int
) -> CIMultiDict[str]:
    """Return the fields of the request: the user's, and what makes it one for a WebSocket."""
    fields: CIMultiDict[str] = CIMultiDict(headers or ())
    fields[hdrs.UPGRADE] = "websocket"
    fields[hdrs.CONNECTION] = "Upgrade"
    fields[hdrs.SEC_WEBSOCKET_VERSION] = VERSION
    fields[hdrs.SEC_WEBSOCKET_KEY] = key
    if protocols:
        check_protocols(protocols)
        fields[hdrs.SEC_WEBSOCKET_PROTOCOL] = ",".join(protocols)
    if origin is not None:
        fields[hdrs.ORIGIN] = origin
    if compress:
        fields[hdrs.SEC_WEBSOCKET_EXTENSIONS] = offer_deflate(compress)
    return fields


def _check(response: ClientResponse, key: str, fields: CIMultiDict[str], compress: int) -> Opening:
    """Return what the server agreed to. fields: of the question. Raises WSServerHandshakeError."""
    is_stream = response.version == HttpVersion20  # where 2xx says what 101 does otherwise (RFC 8441 §5)
    if not (200 <= response.status < 300 if is_stream else response.status == _SWITCHED):
        raise _refused(response, "Invalid response status")
    # A subprotocol may have been offered by way of `headers`, too.
    listed = ",".join(fields.getall(hdrs.SEC_WEBSOCKET_PROTOCOL, ()))
    offered = [name.strip() for name in listed.split(",") if name.strip()]
    try:
        if is_stream:
            return check_terms(response.headers, offered, offered_bits=compress)
        return check_answer(response.headers, key, offered, offered_bits=compress)
    except BadHandshake as error:
        raise _refused(response, str(error)) from error


def _refused(response: ClientResponse, message: str) -> WSServerHandshakeError:
    return WSServerHandshakeError(
        response.request_info, response.history, status=response.status, message=message, headers=response.headers
    )
