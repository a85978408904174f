"""Trunkline: an asyncio HTTP client whose sessions reuse their connections, with aiohttp's API.

async with trunkline.ClientSession() as session:
    async with session.get("http://example.com/") as response:
        print(response.status, await response.text())
"""

from importlib import import_module
from typing import TYPE_CHECKING

from trunkline import hdrs
from trunkline.abc import AbstractCookieJar, AbstractResolver
from trunkline.body.bytes_payload import BytesPayload, JsonPayload, StringIOPayload, StringPayload
from trunkline.body.empty_stream import EMPTY_PAYLOAD
from trunkline.body.file_payload import BufferedReaderPayload, BytesIOPayload, IOBasePayload, TextIOPayload
from trunkline.body.forms import FormData
from trunkline.body.iterable_payload import AsyncIterablePayload
from trunkline.body.multipart_reader import MultipartReader
from trunkline.body.multipart_writer import MultipartWriter
from trunkline.body.part_reader import BodyPartReader
from trunkline.body.payload import Payload
from trunkline.body.registry import PAYLOAD_REGISTRY, get_payload, payload_type
from trunkline.body.stream import EofStream, StreamReader
from trunkline.client.auth import BasicAuth, encode_basic_auth
from trunkline.client.cookiejar import CookieJar, DummyCookieJar
from trunkline.client.errors import (
    ClientConnectionError,
    ClientConnectionResetError,
    ClientConnectorCertificateError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientConnectorSSLError,
    ClientError,
    ClientHttpProxyError,
    ClientOSError,
    ClientPayloadError,
    ClientProxyConnectionError,
    ClientResponseError,
    ClientSSLError,
    ConnectionTimeoutError,
    ContentTypeError,
    InvalidURL,
    InvalidUrlClientError,
    InvalidUrlRedirectClientError,
    NonHttpUrlClientError,
    NonHttpUrlRedirectClientError,
    RedirectClientError,
    ServerConnectionError,
    ServerDisconnectedError,
    ServerFingerprintMismatch,
    ServerTimeoutError,
    SocketTimeoutError,
    TooManyRedirects,
    UnixClientConnectorError,
    UploadAbortedError,
    WSServerHandshakeError,
)
from trunkline.client.request import ClientRequest
from trunkline.client.request_info import RequestInfo
from trunkline.client.response import ClientResponse, ContentDisposition
from trunkline.client.session import ClientSession
from trunkline.client.single import request
from trunkline.client.timeouts import ClientTimeout
from trunkline.compat import install_as_aiohttp
from trunkline.conn.key import ConnectionKey
from trunkline.ground.product import __version__
from trunkline.pool.connection import Connection
from trunkline.pool.connector import (
    AddrInfoType,
    BaseConnector,
    SocketFactoryType,
    TCPConnector,
    UnixConnector,
)
from trunkline.transport.resolve import AsyncResolver, DefaultResolver, ThreadedResolver
from trunkline.transport.tls import Fingerprint
from trunkline.wire.content_disposition import (
    BadContentDispositionHeader,
    BadContentDispositionParam,
    content_disposition_filename,
    parse_content_disposition,
)
from trunkline.wire.errors import WebSocketError
from trunkline.wire.etag import ETAG_ANY, ETag
from trunkline.wire.version import HttpVersion, HttpVersion10, HttpVersion11
from trunkline.wire.ws.message import WSCloseCode, WSMessage, WSMessageTypeError, WSMsgType

if TYPE_CHECKING:
    from trunkline.web.chain_map import ChainMapProxy as ChainMapProxy
    from trunkline.web.worker import (
        GunicornUVLoopWebWorker as GunicornUVLoopWebWorker,
        GunicornWebWorker as GunicornWebWorker,
    )

__all__ = (
    "EMPTY_PAYLOAD",
    "ETAG_ANY",
    "PAYLOAD_REGISTRY",
    "AbstractCookieJar",
    "AbstractResolver",
    "AddrInfoType",
    "AsyncIterablePayload",
    "AsyncResolver",
    "BadContentDispositionHeader",
    "BadContentDispositionParam",
    "BaseConnector",
    "BasicAuth",
    "BodyPartReader",
    "BufferedReaderPayload",
    "BytesIOPayload",
    "BytesPayload",
    "ClientConnectionError",
    "ClientConnectionResetError",
    "ClientConnectorCertificateError",
    "ClientConnectorDNSError",
    "ClientConnectorError",
    "ClientConnectorSSLError",
    "ClientError",
    "ClientHttpProxyError",
    "ClientOSError",
    "ClientPayloadError",
    "ClientProxyConnectionError",
    "ClientRequest",
    "ClientResponse",
    "ClientResponseError",
    "ClientSSLError",
    "ClientSession",
    "ClientTimeout",
    "Connection",
    "ConnectionKey",
    "ConnectionTimeoutError",
    "ContentDisposition",
    "ContentTypeError",
    "CookieJar",
    "DefaultResolver",
    "DummyCookieJar",
    "ETag",
    "EofStream",
    "Fingerprint",
    "FormData",
    "HttpVersion",
    "HttpVersion10",
    "HttpVersion11",
    "IOBasePayload",
    "InvalidURL",
    "InvalidUrlClientError",
    "InvalidUrlRedirectClientError",
    "JsonPayload",
    "MultipartReader",
    "MultipartWriter",
    "NonHttpUrlClientError",
    "NonHttpUrlRedirectClientError",
    "Payload",
    "RedirectClientError",
    "RequestInfo",
    "ServerConnectionError",
    "ServerDisconnectedError",
    "ServerFingerprintMismatch",
    "ServerTimeoutError",
    "SocketFactoryType",
    "SocketTimeoutError",
    "StreamReader",
    "StringIOPayload",
    "StringPayload",
    "TCPConnector",
    "TextIOPayload",
    "ThreadedResolver",
    "TooManyRedirects",
    "UnixClientConnectorError",
    "UnixConnector",
    "UploadAbortedError",
    "WSCloseCode",
    "WSMessage",
    "WSMessageTypeError",
    "WSMsgType",
    "WSServerHandshakeError",
    "WebSocketError",
    "__version__",
    "content_disposition_filename",
    "encode_basic_auth",
    "get_payload",
    "hdrs",
    "install_as_aiohttp",
    "parse_content_disposition",
    "payload_type",
    "request",
)

# aiohttp has these at its root as well. They are the server's, so they load when they are used (docs/adr/009), and
# `import *` leaves them out.
_OF_THE_SERVER = {
    "ChainMapProxy": "trunkline.web.chain_map",
    "GunicornUVLoopWebWorker": "trunkline.web.worker",
    "GunicornWebWorker": "trunkline.web.worker",
}


def __getattr__(name: str) -> object:
    if name not in _OF_THE_SERVER:
        raise AttributeError(f"module 'trunkline' has no attribute {name!r}")
    return getattr(import_module(_OF_THE_SERVER[name]), name)
