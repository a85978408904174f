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
from trunkline.body.multipart_writer import MultipartWriter
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
from trunkline.client.response import ClientResponse
from trunkline.client.response_view import ContentDisposition
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
    UnixConnector,
)
from trunkline.pool.tcp_connector import TCPConnector
from trunkline.transport.resolve import AsyncResolver, DefaultResolver, ThreadedResolver
from trunkline.transport.tls import Fingerprint
from trunkline.wire.content_disposition import (
    BadContentDispositionHeader,
    BadContentDispositionParam,
    content_disposition_filename,
    parse_content_disposition,
)
from trunkline.wire.errors import WebSocketError
from trunkline.wire.version import HttpVersion, HttpVersion10, HttpVersion11

if TYPE_CHECKING:
    from trunkline.body.data_queue import (
        DataQueue as DataQueue,
        FlowControlDataQueue as FlowControlDataQueue,
    )
    from trunkline.body.multipart_reader import (
        MultipartReader as MultipartReader,
    )
    from trunkline.body.part_reader import (
        BodyPartReader as BodyPartReader,
    )
    from trunkline.body.streamer import (
        streamer as streamer,
    )
    from trunkline.client.churn import (
        SessionChurnWarning as SessionChurnWarning,
    )
    from trunkline.client.digest import (
        DigestAuthMiddleware as DigestAuthMiddleware,
    )
    from trunkline.client.drain import (
        Straggler as Straggler,
    )
    from trunkline.client.errors import (
        AddressNotAllowed as AddressNotAllowed,
        PoolQueueFull as PoolQueueFull,
    )
    from trunkline.client.middlewares import (
        ClientHandlerType as ClientHandlerType,
        ClientMiddlewareType as ClientMiddlewareType,
    )
    from trunkline.client.observe.har import (
        HarRecorder as HarRecorder,
    )
    from trunkline.client.observe.otel import (
        OpenTelemetryTracing as OpenTelemetryTracing,
    )
    from trunkline.client.observe.prometheus import (
        PrometheusCollector as PrometheusCollector,
        prometheus_text as prometheus_text,
    )
    from trunkline.client.observe.timeline import (
        Timeline as Timeline,
    )
    from trunkline.client.prioritized import (
        PrioritizedSession as PrioritizedSession,
    )
    from trunkline.client.shared import (
        shared_session as shared_session,
    )
    from trunkline.client.trace_params import (
        TraceConnectionCreateEndParams as TraceConnectionCreateEndParams,
        TraceConnectionCreateStartParams as TraceConnectionCreateStartParams,
        TraceConnectionQueuedEndParams as TraceConnectionQueuedEndParams,
        TraceConnectionQueuedStartParams as TraceConnectionQueuedStartParams,
        TraceConnectionReuseconnParams as TraceConnectionReuseconnParams,
        TraceDnsCacheHitParams as TraceDnsCacheHitParams,
        TraceDnsCacheMissParams as TraceDnsCacheMissParams,
        TraceDnsResolveHostEndParams as TraceDnsResolveHostEndParams,
        TraceDnsResolveHostStartParams as TraceDnsResolveHostStartParams,
        TraceRequestChunkSentParams as TraceRequestChunkSentParams,
        TraceRequestEndParams as TraceRequestEndParams,
        TraceRequestExceptionParams as TraceRequestExceptionParams,
        TraceRequestHeadersSentParams as TraceRequestHeadersSentParams,
        TraceRequestRedirectParams as TraceRequestRedirectParams,
        TraceRequestStartParams as TraceRequestStartParams,
        TraceResponseChunkReceivedParams as TraceResponseChunkReceivedParams,
    )
    from trunkline.client.tracing import (
        TraceConfig as TraceConfig,
    )
    from trunkline.client.upload_tracker import (
        UploadTracker as UploadTracker,
    )
    from trunkline.client.websocket import (
        ClientWebSocketResponse as ClientWebSocketResponse,
        ClientWSTimeout as ClientWSTimeout,
    )
    from trunkline.pool.named_pipe import (
        NamedPipeConnector as NamedPipeConnector,
    )
    from trunkline.pool.stats import (
        OriginStats as OriginStats,
        PoolStats as PoolStats,
    )
    from trunkline.web.chain_map import (
        ChainMapProxy as ChainMapProxy,
    )
    from trunkline.web.worker import (
        GunicornUVLoopWebWorker as GunicornUVLoopWebWorker,
        GunicornWebWorker as GunicornWebWorker,
    )
    from trunkline.wire.etag import (
        ETAG_ANY as ETAG_ANY,
        ETag as ETag,
    )
    from trunkline.wire.ws.message import (
        WSCloseCode as WSCloseCode,
        WSMessage as WSMessage,
        WSMessageTypeError as WSMessageTypeError,
        WSMsgType as WSMsgType,
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
    "ClientHandlerType",
    "ClientHttpProxyError",
    "ClientMiddlewareType",
    "ClientOSError",
    "ClientPayloadError",
    "ClientProxyConnectionError",
    "ClientRequest",
    "ClientResponse",
    "ClientResponseError",
    "ClientSSLError",
    "ClientSession",
    "ClientTimeout",
    "ClientWSTimeout",
    "ClientWebSocketResponse",
    "Connection",
    "ConnectionKey",
    "ConnectionTimeoutError",
    "ContentDisposition",
    "ContentTypeError",
    "CookieJar",
    "DataQueue",
    "DefaultResolver",
    "DigestAuthMiddleware",
    "DummyCookieJar",
    "ETag",
    "EofStream",
    "Fingerprint",
    "FlowControlDataQueue",
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
    "NamedPipeConnector",
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
    "TraceConfig",
    "TraceConnectionCreateEndParams",
    "TraceConnectionCreateStartParams",
    "TraceConnectionQueuedEndParams",
    "TraceConnectionQueuedStartParams",
    "TraceConnectionReuseconnParams",
    "TraceDnsCacheHitParams",
    "TraceDnsCacheMissParams",
    "TraceDnsResolveHostEndParams",
    "TraceDnsResolveHostStartParams",
    "TraceRequestChunkSentParams",
    "TraceRequestEndParams",
    "TraceRequestExceptionParams",
    "TraceRequestHeadersSentParams",
    "TraceRequestRedirectParams",
    "TraceRequestStartParams",
    "TraceResponseChunkReceivedParams",
    "UnixClientConnectorError",
    "UnixConnector",
    "UploadAbortedError",
    "UploadTracker",
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
    "set_zlib_backend",
    "streamer",
)

# What only some users need loads when it is used (docs/adr/009). `import *`, which loads all that is in `__all__`,
# leaves out the server's names and those that aiohttp does not have.
_WHEN_USED = {
    "BodyPartReader": "trunkline.body.part_reader",
    "ClientHandlerType": "trunkline.client.middlewares",
    "ClientMiddlewareType": "trunkline.client.middlewares",
    "ClientWSTimeout": "trunkline.client.websocket",
    "ClientWebSocketResponse": "trunkline.client.websocket",
    "DataQueue": "trunkline.body.data_queue",
    "DigestAuthMiddleware": "trunkline.client.digest",
    "ETAG_ANY": "trunkline.wire.etag",
    "ETag": "trunkline.wire.etag",
    "FlowControlDataQueue": "trunkline.body.data_queue",
    "MultipartReader": "trunkline.body.multipart_reader",
    "NamedPipeConnector": "trunkline.pool.named_pipe",
    "TraceConfig": "trunkline.client.tracing",
    "TraceConnectionCreateEndParams": "trunkline.client.trace_params",
    "TraceConnectionCreateStartParams": "trunkline.client.trace_params",
    "TraceConnectionQueuedEndParams": "trunkline.client.trace_params",
    "TraceConnectionQueuedStartParams": "trunkline.client.trace_params",
    "TraceConnectionReuseconnParams": "trunkline.client.trace_params",
    "TraceDnsCacheHitParams": "trunkline.client.trace_params",
    "TraceDnsCacheMissParams": "trunkline.client.trace_params",
    "TraceDnsResolveHostEndParams": "trunkline.client.trace_params",
    "TraceDnsResolveHostStartParams": "trunkline.client.trace_params",
    "TraceRequestChunkSentParams": "trunkline.client.trace_params",
    "TraceRequestEndParams": "trunkline.client.trace_params",
    "TraceRequestExceptionParams": "trunkline.client.trace_params",
    "TraceRequestHeadersSentParams": "trunkline.client.trace_params",
    "TraceRequestRedirectParams": "trunkline.client.trace_params",
    "TraceRequestStartParams": "trunkline.client.trace_params",
    "TraceResponseChunkReceivedParams": "trunkline.client.trace_params",
    "UploadTracker": "trunkline.client.upload_tracker",
    "WSCloseCode": "trunkline.wire.ws.message",
    "WSMessage": "trunkline.wire.ws.message",
    "WSMessageTypeError": "trunkline.wire.ws.message",
    "WSMsgType": "trunkline.wire.ws.message",
    "set_zlib_backend": "trunkline.wire.zlib_backend",
    "streamer": "trunkline.body.streamer",
    "ChainMapProxy": "trunkline.web.chain_map",
    "GunicornUVLoopWebWorker": "trunkline.web.worker",
    "GunicornWebWorker": "trunkline.web.worker",
    "AddressNotAllowed": "trunkline.client.errors",
    "HarRecorder": "trunkline.client.observe.har",
    "OpenTelemetryTracing": "trunkline.client.observe.otel",
    "OriginStats": "trunkline.pool.stats",
    "PoolQueueFull": "trunkline.client.errors",
    "PoolStats": "trunkline.pool.stats",
    "PrioritizedSession": "trunkline.client.prioritized",
    "PrometheusCollector": "trunkline.client.observe.prometheus",
    "SessionChurnWarning": "trunkline.client.churn",
    "Straggler": "trunkline.client.drain",
    "Timeline": "trunkline.client.observe.timeline",
    "prometheus_text": "trunkline.client.observe.prometheus",
    "shared_session": "trunkline.client.shared",
}


def __getattr__(name: str) -> object:
    if name not in _WHEN_USED:
        raise AttributeError(f"module 'trunkline' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_WHEN_USED[name]), name)
    return value
