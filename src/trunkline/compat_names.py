"""Which of our objects each name of aiohttp's modules is: the one table behind `install_as_aiohttp()`.

A row has the name of a module of aiohttp's, and the homes of its names: a module, and what is taken from it. `*` is
all that is public there, `Theirs=Ours` a name that we call differently. Beside what aiohttp documents stand names that
libraries were seen to import, underscored ones too. Modules and names that are not here cannot be imported: the C
parsers, and helpers that only aiohttp itself uses. Everything is text, so that nothing is loaded before it is used.
"""

from typing import Final

AIOHTTP_VERSION: Final = "3.14.5"  # whose API this is; libraries compare `aiohttp.__version__` with what they need

MODULES: Final[dict[str, dict[str, str]]] = {
    "aiohttp": {"trunkline": "*", __name__: "__version__=AIOHTTP_VERSION"},
    "aiohttp.abc": {
        "trunkline.abc": "*",
        "trunkline.web": "Application Request StreamResponse",
        "multidict": "CIMultiDict",
    },
    "aiohttp.base_protocol": {"trunkline.conn.base_protocol": "BaseProtocol"},
    "aiohttp.client": {
        "trunkline.client.session": "ClientSession",
        "trunkline.client.single": "request",
        "trunkline.client.timeouts": "ClientTimeout DEFAULT_TIMEOUT",
        "trunkline.client.context": "_BaseRequestContextManager=RequestContext _RequestContextManager=RequestContext",
        "trunkline.client.ws_connect": "_WSRequestContextManager=WSRequestContext",
        "trunkline.client.websocket": "ClientWSTimeout ClientWebSocketResponse DEFAULT_WS_CLIENT_TIMEOUT",
        "trunkline.client.request": "ClientRequest",
        "trunkline.client.response": "ClientResponse",
        "trunkline.client.request_info": "RequestInfo",
        "trunkline.client.upload_tracker": "UploadTracker",
        "trunkline.errors": "*",
        "trunkline.pool.connector": "BaseConnector UnixConnector",
        "trunkline.pool.tcp_connector": "TCPConnector",
        "trunkline.pool.named_pipe": "NamedPipeConnector",
        "trunkline.transport.tls": "Fingerprint",
    },
    "aiohttp.client_exceptions": {"trunkline.errors": "*"},
    "aiohttp.client_middleware_digest_auth": {"trunkline.client.digest": "DigestAuthMiddleware"},
    "aiohttp.client_middlewares": {
        "trunkline.client.middlewares": (
            "ClientHandlerType ClientMiddlewareType build_client_middlewares=build_handler"
        ),
    },
    "aiohttp.client_proto": {"trunkline.conn.client_h1": "ResponseHandler=ClientH1"},
    "aiohttp.client_reqrep": {
        "trunkline.client.request": "ClientRequest",
        "trunkline.client.response": "ClientResponse",
        "trunkline.client.response_view": "ContentDisposition",
        "trunkline.client.request_info": "RequestInfo",
        "trunkline.client.upload_tracker": "UploadTracker",
        "trunkline.conn.key": "ConnectionKey",
        "trunkline.ground.product": "SERVER_SOFTWARE",
        "trunkline.ground.reify": "reify",
        "trunkline.transport.tls": "Fingerprint",
        "types": "MappingProxyType",
    },
    "aiohttp.client_ws": {
        "trunkline.client.websocket": "ClientWSTimeout ClientWebSocketResponse DEFAULT_WS_CLIENT_TIMEOUT",
    },
    "aiohttp.compression_utils": {"trunkline.wire.zlib_backend": "set_zlib_backend"},
    "aiohttp.connector": {
        "trunkline.pool.connector": "AddrInfoType BaseConnector SocketFactoryType UnixConnector",
        "trunkline.pool.tcp_connector": "TCPConnector",
        "trunkline.pool.connection": "Connection",
        "trunkline.pool.named_pipe": "NamedPipeConnector",
        "trunkline.conn.client_h1": "ResponseHandler=ClientH1",
        "trunkline.ground.logs": "client_logger",
    },
    "aiohttp.cookiejar": {"trunkline.client.cookiejar": "CookieJar DummyCookieJar"},
    "aiohttp.formdata": {"trunkline.body.forms": "FormData"},
    "aiohttp.hdrs": {"trunkline.hdrs": "*"},
    "aiohttp.helpers": {
        "trunkline.client.auth": "BasicAuth encode_basic_auth strip_auth_from_url=split_credentials",
        "trunkline.body.file_payload": "guess_filename",
        "trunkline.ground.reify": "reify",
        "trunkline.ground.sentinel": "sentinel _SENTINEL=Sentinel",
        "trunkline.ground.timer": "BaseTimerContext TimerNoop",
        "trunkline.transport.resolve": "is_ip_address",
        "trunkline.web.chain_map": "ChainMapProxy",
        "trunkline.web.date": "rfc822_formatted_time=current_date",
        "trunkline.web.keys": "AppKey RequestKey ResponseKey",
        "trunkline.wire.conditional": "parse_http_date",
        "trunkline.wire.content_disposition": "content_disposition_header",
        "trunkline.wire.etag": "ETAG_ANY ETag",
        "trunkline.wire.h1.framing": "must_be_empty_body",
        "trunkline.wire.media_fields": "HeadersMixin",
        "trunkline.wire.mime": "MimeType parse_mimetype",
        "urllib.parse": "quote",
    },
    "aiohttp.http": {
        "trunkline.wire.http_exceptions": "BadStatusLine HttpProcessingError",
        "trunkline.wire.statuses": "RESPONSES",
        "trunkline.abc": "StreamWriter=AbstractStreamWriter",
        "trunkline.ground.product": "SERVER_SOFTWARE",
        "trunkline.wire.errors": "WebSocketError",
        "trunkline.wire.received": "RawRequestMessage",
        "trunkline.wire.version": "HttpVersion HttpVersion10 HttpVersion11",
        "trunkline.wire.ws.handshake": "WS_KEY",
        "trunkline.wire.ws.message": (
            "WSCloseCode WSMessage WSMsgType WS_CLOSED_MESSAGE=CLOSED_MESSAGE WS_CLOSING_MESSAGE=CLOSING_MESSAGE"
        ),
    },
    "aiohttp.http_exceptions": {
        "trunkline.wire.http_exceptions": (
            "BadHttpMessage BadHttpMethod BadStatusLine ContentEncodingError ContentLengthError HttpBadRequest"
            " HttpProcessingError InvalidHeader InvalidURLError LineTooLong PayloadEncodingError TransferEncodingError"
        ),
    },
    "aiohttp.http_parser": {"trunkline.wire.received": "RawRequestMessage"},
    "aiohttp.http_websocket": {
        "trunkline.conn.message_methods": "WebSocketWriter=MessageMethods",
        "trunkline.wire.errors": "WebSocketError",
        "trunkline.wire.ws.handshake": "WS_KEY",
        "trunkline.wire.ws.message": (
            "WSCloseCode WSMessage WSMsgType WS_CLOSED_MESSAGE=CLOSED_MESSAGE WS_CLOSING_MESSAGE=CLOSING_MESSAGE"
        ),
    },
    "aiohttp.http_writer": {
        "trunkline.abc": "StreamWriter=AbstractStreamWriter",
        "trunkline.wire.version": "HttpVersion HttpVersion10 HttpVersion11",
    },
    "aiohttp.log": {
        "trunkline.ground.logs": (
            "access_logger client_logger internal_logger=pool_logger server_logger web_logger"
            " ws_logger=websocket_logger"
        ),
    },
    "aiohttp.multipart": {
        "trunkline.body.multipart_reader": "MultipartReader MultipartResponseWrapper",
        "trunkline.body.multipart_writer": "MultipartWriter",
        "trunkline.body.part_reader": "BodyPartReader",
        "trunkline.wire.content_disposition": (
            "BadContentDispositionHeader BadContentDispositionParam content_disposition_filename"
            " parse_content_disposition"
        ),
    },
    "aiohttp.payload": {
        "trunkline.body.bytes_payload": "BytesPayload JsonBytesPayload JsonPayload StringIOPayload StringPayload",
        "trunkline.body.file_payload": "BufferedReaderPayload BytesIOPayload IOBasePayload TextIOPayload",
        "trunkline.body.iterable_payload": "AsyncIterablePayload",
        "trunkline.body.payload": "Payload",
        "trunkline.body.registry": "Order PAYLOAD_REGISTRY PayloadRegistry get_payload payload_type",
    },
    "aiohttp.payload_streamer": {
        "trunkline.body.streamer": "StreamPayload=StreamedPayload StreamWrapperPayload=StreamedPayload streamer"
    },
    "aiohttp.resolver": {"trunkline.transport.resolve": "AsyncResolver DefaultResolver ThreadedResolver"},
    "aiohttp.streams": {
        "trunkline.body.data_queue": "DataQueue FlowControlDataQueue",
        "trunkline.body.empty_stream": "EMPTY_PAYLOAD EmptyStreamReader",
        "trunkline.body.stream": "DEFAULT_LIMIT EofStream StreamReader",
    },
    "aiohttp.tracing": {"trunkline.client.tracing": "*"},
    "aiohttp.typedefs": {
        "trunkline.ground.types": (
            "Byteish DEFAULT_JSON_DECODER DEFAULT_JSON_ENCODER JSONBytesEncoder JSONDecoder JSONEncoder LooseCookies"
            " LooseHeaders PathLike Query RawHeaders StrOrURL"
        ),
        "trunkline.web.handler_chain": "Handler Middleware",
    },
    "aiohttp.pytest_plugin": {"trunkline.pytest_plugin": "*"},
    "aiohttp.test_utils": {"trunkline.test_utils": "*"},
    "aiohttp.web": {"trunkline.web": "*"},
    "aiohttp.web_app": {"trunkline.web": "Application CleanupError"},
    "aiohttp.web_exceptions": {"trunkline.web.exceptions": "*", "trunkline.web": "NotAppKeyWarning"},
    "aiohttp.web_fileresponse": {"trunkline.web": "FileResponse"},
    "aiohttp.web_log": {"trunkline.web.access_log": "AccessLogger"},
    "aiohttp.web_middlewares": {
        "trunkline.web": "middleware normalize_path_middleware",
        "trunkline.web.handler_chain": "Handler Middleware",
    },
    "aiohttp.web_protocol": {
        "trunkline.web": "PayloadAccessError RequestHandler RequestPayloadError",
        "trunkline.web.server": "_RequestHandler=RawHandler",
        "trunkline.ground.logs": "access_logger server_logger",
    },
    "aiohttp.web_request": {"trunkline.web": "BaseRequest FileField Request"},
    "aiohttp.web_response": {
        "trunkline.web": "ContentCoding Response StreamResponse json_bytes_response json_response",
    },
    "aiohttp.web_routedef": {
        "trunkline.web": (
            "AbstractRouteDef RouteDef RouteTableDef StaticDef delete get head options patch post put route static view"
        ),
    },
    "aiohttp.web_runner": {
        "trunkline.web": (
            "AppRunner BaseRunner BaseSite GracefulExit NamedPipeSite ServerRunner SockSite TCPSite UnixSite"
        ),
    },
    "aiohttp.web_server": {"trunkline.web": "Server"},
    "aiohttp.web_urldispatcher": {
        "trunkline.web": (
            "AbstractResource AbstractRoute DynamicResource PlainResource PrefixedSubAppResource Resource ResourceRoute"
            " StaticResource UrlDispatcher UrlMappingMatchInfo View"
        ),
        "trunkline.web.routing.match_info": "MatchInfoError",
        "trunkline.web.routing.prefixes": (
            "AbstractRuleMatching Domain MaskDomain MatchedSubAppResource PrefixResource"
        ),
        "trunkline.web.routing.router": "ResourcesView RoutesView",
        "trunkline.web.routing.routes": "SystemRoute",
    },
    "aiohttp.web_ws": {"trunkline.web": "WSMsgType WebSocketReady WebSocketResponse"},
    "aiohttp.worker": {"trunkline.web.worker": "*"},
}

# What aiohttp's modules import from each other and from their dependencies, where libraries take it up: asked when the
# row of a module below aiohttp has no such name.
SHARED: Final[dict[str, str]] = {
    "trunkline": "*",
    "aiohttp": "hdrs helpers http multipart payload",
    "multidict": "CIMultiDict CIMultiDictProxy MultiDict MultiDictProxy istr",
    "yarl": "URL",
}

# aiohttp's documentation, "Logging", has these six; nothing of ours fits `aiohttp.internal` better than the pool.
LOGGERS: Final[dict[str, str]] = {
    "trunkline.access": "aiohttp.access",
    "trunkline.client": "aiohttp.client",
    "trunkline.pool": "aiohttp.internal",
    "trunkline.server": "aiohttp.server",
    "trunkline.web": "aiohttp.web",
    "trunkline.websocket": "aiohttp.websocket",
}

# Errors are reported and grouped by the module that their class names, so those of ours bear aiohttp's.
ERROR_MODULES: Final[dict[str, str]] = {
    "trunkline.client.errors": "aiohttp.client_exceptions",
    "trunkline.conn.errors": "aiohttp.client_exceptions",
    "trunkline.web.exceptions": "aiohttp.web_exceptions",
    "trunkline.wire.http_exceptions": "aiohttp.http_exceptions",
}
