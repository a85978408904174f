"""Requests without a connection, for unit tests of handlers, and coroutine functions that record their calls.

The request is a real one: its head, fields and body behave as on a server. What stands around it (transport,
connection, writer, application) is mocks, unless the test brings its own. Prefer a test server where one will do.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any
from unittest import mock

from aiosignal import Signal
from multidict import CIMultiDict

from trunkline import hdrs
from trunkline.abc import AbstractStreamWriter
from trunkline.body.empty_stream import EMPTY_PAYLOAD
from trunkline.body.stream import StreamReader
from trunkline.conn.server_h1 import ServerH1
from trunkline.ground.sentinel import Sentinel, sentinel
from trunkline.ground.types import LooseHeaders
from trunkline.web.app import Application
from trunkline.web.request import MAX_BODY_BYTES, MAX_FORM_FIELDS, Request
from trunkline.web.routing.match_info import UrlMappingMatchInfo
from trunkline.wire.received import RawRequestMessage, ReceivedHead
from trunkline.wire.version import HttpVersion, HttpVersion11

_SOCKNAME = ("127.0.0.1", 80)  # what the mocked transport tells; request.host falls back to it


def make_mocked_request(
    method: str,
    path: str,
    headers: LooseHeaders | None = None,
    *,
    match_info: Mapping[str, str] | Sentinel = sentinel,
    version: HttpVersion = HttpVersion11,
    closing: bool = False,
    app: Application | None = None,
    writer: AbstractStreamWriter | Sentinel = sentinel,
    protocol: ServerH1 | Sentinel = sentinel,
    transport: asyncio.Transport | Sentinel = sentinel,
    payload: StreamReader | Sentinel = sentinel,
    sslcontext: ssl.SSLContext | None = None,
    client_max_size: int = MAX_BODY_BYTES,
    client_max_fields: int = MAX_FORM_FIELDS,
    loop: asyncio.AbstractEventLoop | Sentinel = sentinel,
) -> Request:
    """Make a request that came over no connection.

    path: with the query, if any. match_info: the values of the path's variable parts. closing: the client wants the
    connection closed. payload: the body's stream, by default an empty one. sslcontext: makes it an https request.
    """
    head = _make_head(method, path, CIMultiDict(headers or ()), version, closing)
    if protocol is sentinel:
        protocol = mock.Mock()
        protocol.transport = _make_transport(sslcontext)
    if transport is not sentinel:
        protocol.transport = transport
    request = Request(
        head,
        EMPTY_PAYLOAD if payload is sentinel else payload,
        protocol,
        _make_writer(protocol.transport) if writer is sentinel else writer,
        mock.Mock(),
        mock.Mock() if loop is sentinel else loop,
        client_max_size=client_max_size,
        client_max_fields=client_max_fields,
    )
    found = UrlMappingMatchInfo({} if match_info is sentinel else match_info, mock.Mock())
    found.add_app(_make_app() if app is None else app)
    found.freeze()
    request._match_info = found
    return request


def make_mocked_coro(
    return_value: Any = sentinel,  # Any: whatever the test wants to get, or to be raised
    raise_exception: Any = sentinel,
) -> mock.AsyncMock:
    """Make a coroutine function that records its calls, and returns `return_value` or raises `raise_exception`."""
    raised = None if raise_exception is sentinel else raise_exception
    return mock.AsyncMock(return_value=return_value, side_effect=raised)


def _make_head(method: str, path: str, headers: CIMultiDict[str], version: HttpVersion, closing: bool) -> ReceivedHead:
    """Make the head, with what a parser would have read out of its fields."""
    raw_fields = tuple((name.encode(), value.encode("utf-8", "surrogateescape")) for name, value in headers.items())
    return RawRequestMessage(
        method,
        path,
        version,
        headers,
        raw_fields,
        should_close=closing,
        compression=headers.get(hdrs.CONTENT_ENCODING, "").lower() or None,
        upgrade="upgrade" in headers.get(hdrs.CONNECTION, "").lower(),
        chunked=hdrs.TRANSFER_ENCODING in headers,
        url=ReceivedHead(method, path, version, keep_alive=not closing).url,
    )


def _make_transport(sslcontext: ssl.SSLContext | None) -> mock.Mock:
    known = {"sslcontext": sslcontext, "sockname": _SOCKNAME}
    transport = mock.Mock()
    transport.get_extra_info = known.get
    transport.is_closing.return_value = False
    return transport


def _make_writer(transport: asyncio.Transport | None) -> mock.Mock:
    writer = mock.Mock(transport=transport, buffer_size=0, output_size=0, length=None, is_started=False)
    for name in ("write_headers", "write", "write_eof", "drain"):
        setattr(writer, name, mock.AsyncMock(return_value=None))
    return writer


def _make_app() -> mock.MagicMock:
    app = mock.MagicMock(spec=Application)
    app.on_response_prepare = Signal(app)
    app.on_response_prepare.freeze()
    return app
