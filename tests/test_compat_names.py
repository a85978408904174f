"""The table behind `install_as_aiohttp()`: each entry leads to an object, and what others import is there."""

import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

import pytest

from tests.test_compat import run
from trunkline.compat_names import LOGGERS, MODULES, SHARED


def entries() -> Iterator[tuple[str, str, str]]:
    for module, homes in {**MODULES, "elsewhere": SHARED}.items():
        for home, names in homes.items():
            for entry in names.split():
                yield module, home, entry


@pytest.mark.parametrize(("module", "home", "entry"), [e for e in entries() if e[1] != "aiohttp"])
def test_no_entry_dangles(module: str, home: str, entry: str) -> None:
    if entry == "*":
        assert isinstance(import_module(home), ModuleType)
    else:
        assert hasattr(import_module(home), entry.rpartition("=")[2])


def test_no_module_has_a_name_twice() -> None:
    for module in MODULES:
        names = [entry.partition("=")[0] for of, _, entry in entries() if of == module]
        assert len(names) == len(set(names)), module


def test_every_logger_of_ours_has_a_name_there() -> None:
    program = "import logging, trunkline.web; print(*logging.root.manager.loggerDict)"
    made = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert {name for name in made if name.startswith("trunkline.")} == set(LOGGERS)


# Import statements of aiohttp's documentation, and of libraries on the package index, at the places that they name.
IMPORTS = """
    from aiohttp import __version__, ClientWSTimeout, DigestAuthMiddleware, Fingerprint, http, hdrs, multipart, request
    from aiohttp import StreamReader, TraceConfig, TraceRequestStartParams, WSCloseCode, encode_basic_auth, streams
    from aiohttp import web, web_exceptions, web_response
    from aiohttp.abc import AbstractAccessLogger, AbstractResolver, AbstractStreamWriter, AbstractView, ResolveResult
    from aiohttp.abc import Application, Request, StreamResponse
    from aiohttp.base_protocol import BaseProtocol
    from aiohttp.client import DEFAULT_TIMEOUT, URL, ClientSession, ClientTimeout, _RequestContextManager
    from aiohttp.client import _WSRequestContextManager
    from aiohttp.client_exceptions import ClientConnectorCertificateError, ServerDisconnectedError, TooManyRedirects
    from aiohttp.client_exceptions import UploadAbortedError, WSServerHandshakeError
    from aiohttp.client_middlewares import ClientHandlerType, ClientMiddlewareType
    from aiohttp.client_middleware_digest_auth import DigestAuthMiddleware
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.client_reqrep import ClientRequest, ClientResponse, ConnectionKey, ContentDisposition, Fingerprint
    from aiohttp.client_reqrep import MappingProxyType, RequestInfo, UploadTracker
    from aiohttp.client_ws import ClientWebSocketResponse, DEFAULT_WS_CLIENT_TIMEOUT
    from aiohttp.compression_utils import set_zlib_backend
    from aiohttp.connector import BaseConnector, Connection, NamedPipeConnector, TCPConnector, UnixConnector
    from aiohttp.cookiejar import CookieJar, DummyCookieJar
    from aiohttp.formdata import FormData
    from aiohttp.helpers import BasicAuth, ChainMapProxy, HeadersMixin, TimerNoop, is_ip_address, parse_mimetype, reify
    from aiohttp.helpers import sentinel, strip_auth_from_url
    from aiohttp.http import RESPONSES, SERVER_SOFTWARE, WS_KEY, HttpVersion10, HttpVersion11, RawRequestMessage
    from aiohttp.http import StreamWriter, URL
    from aiohttp.http_exceptions import BadStatusLine, HttpProcessingError
    from aiohttp.http_parser import RawRequestMessage
    from aiohttp.http_websocket import WS_CLOSED_MESSAGE, WS_CLOSING_MESSAGE, WS_KEY, WSMessage, WSMsgType
    from aiohttp.http_writer import HttpVersion, StreamWriter
    from aiohttp.log import access_logger, client_logger, internal_logger, server_logger, web_logger, ws_logger
    from aiohttp.multipart import BodyPartReader, MultipartWriter, parse_content_disposition
    from aiohttp.payload import JsonPayload, Payload, PAYLOAD_REGISTRY, StringPayload, payload_type
    from aiohttp.payload_streamer import streamer
    from aiohttp.pytest_plugin import AiohttpClient, AiohttpRawServer, AiohttpServer
    from aiohttp.resolver import AsyncResolver, DefaultResolver, ThreadedResolver
    from aiohttp.streams import EMPTY_PAYLOAD, DataQueue, FlowControlDataQueue, StreamReader
    from aiohttp.test_utils import AioHTTPTestCase, BaseTestServer, TestClient, make_mocked_request, unused_port
    from aiohttp.tracing import Trace, TraceConfig, TraceRequestEndParams
    from aiohttp.typedefs import Handler, JSONDecoder, JSONEncoder, LooseCookies, LooseHeaders, Middleware, PathLike
    from aiohttp.typedefs import RawHeaders, StrOrURL
    from aiohttp.web_app import Application
    from aiohttp.web_exceptions import HTTPFound, HTTPMethodNotAllowed, HTTPNotFound, NotAppKeyWarning
    from aiohttp.web_fileresponse import FileResponse
    from aiohttp.web_log import AccessLogger
    from aiohttp.web_middlewares import Handler, Middleware, middleware, normalize_path_middleware
    from aiohttp.web_protocol import RequestHandler, _RequestHandler
    from aiohttp.web_request import BaseRequest, FileField, Request
    from aiohttp.web_response import CIMultiDict, ContentCoding, Response, StreamResponse, json_response
    from aiohttp.web_routedef import AbstractRouteDef, RouteDef, RouteTableDef, StaticDef
    from aiohttp.web_runner import AppRunner, BaseRunner, GracefulExit, ServerRunner
    from aiohttp.web_server import Server
    from aiohttp.web_urldispatcher import MatchInfoError, SystemRoute, UrlDispatcher, UrlMappingMatchInfo, View
    from aiohttp.web_ws import WebSocketReady, WebSocketResponse
    from aiohttp.worker import GunicornUVLoopWebWorker, GunicornWebWorker
"""


def test_libraries_find_what_they_import() -> None:
    statements = [line.strip() for line in IMPORTS.splitlines() if line.strip()]
    program = f"""
        import trunkline
        trunkline.install_as_aiohttp()
        for statement in {statements!r}:
            try:
                exec(statement)
            except ImportError as error:
                print(statement, error)
    """
    assert run(program) == ""
