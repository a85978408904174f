"""The flows of a server that are tortured: handlers of several kinds, with a raw client that plays its part.

The client sends the pieces of a body when the handler asks for them, so that each is a wait of its own.
"""

import asyncio
import ssl
import typing
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.torture.client_flows import CA, LIMIT_S
from tests.torture.faults import UnwatchedTLS
from tests.torture.stepping import Cut
from tests.web.raw_websocket import HEAD, TEXT, close_frame, frame
from tests.web.serving import Serving, Talk
from trunkline.web.file_response import FileResponse
from trunkline.web.request import BaseRequest
from trunkline.web.response import Response
from trunkline.web.runner import ServerRunner
from trunkline.web.server import Server
from trunkline.web.sites import TCPSite
from trunkline.web.stream_response import StreamResponse
from trunkline.web.websocket import WebSocketResponse

CLIENT_TLS: Final = CA.client_context()
CLIENT_TLS.sslobject_class = UnwatchedTLS
GET: Final = b"GET / HTTP/1.1\r\nHost: t\r\n\r\n"
_BOUNDARY: Final = b"Content-Type: multipart/form-data; boundary=b\r\n"
_FORM: Final = (
    b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\none\r\n',
    b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n' + bytes(3000),
    b"\r\n--b--\r\n",
)


def _client_hello() -> bytes:
    outgoing = ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        CA.client_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost").do_handshake()
    return outgoing.read()


HELLO: Final = _client_hello()  # what a TLS client says first


def _post(*pieces: bytes, fields: bytes = b"") -> tuple[bytes, ...]:
    size = sum(len(piece) for piece in pieces)
    return b"POST / HTTP/1.1\r\nHost: t\r\n%bContent-Length: %d\r\n\r\n" % (fields, size), *pieces


class Pace:
    """Lets a client send when the server asks."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()

    def ask(self) -> None:
        self._asked.set()

    async def asked(self) -> None:
        await self._asked.wait()
        self._asked.clear()


Handler = Callable[[BaseRequest, Pace], Coroutine[Any, Any, StreamResponse]]


async def answer(request: BaseRequest, pace: Pace) -> StreamResponse:
    await asyncio.sleep(0)
    return Response(text="ok")


async def read_body(request: BaseRequest, pace: Pace) -> StreamResponse:
    total = 0
    while True:
        pace.ask()
        data = await request.content.readany()
        if not data:
            return Response(text=str(total))
        total += len(data)


async def read_form(request: BaseRequest, pace: Pace) -> StreamResponse:
    async def ask_on() -> None:
        while True:
            pace.ask()
            await asyncio.sleep(0)

    asking = asyncio.ensure_future(ask_on())
    try:
        form = await request.post()
    finally:
        asking.cancel()
    return Response(text=",".join(form))


async def read_parts(request: BaseRequest, pace: Pace) -> StreamResponse:
    reader = await request.multipart()
    pace.ask()
    sizes = []
    async for part in reader:
        pace.ask()
        size = 0
        while data := await part.read_chunk(1000):  # type: ignore[union-attr]  # no nested multipart is sent
            size += len(data)
            pace.ask()
        sizes.append(size)
    return Response(text=str(sizes))


async def stream(request: BaseRequest, pace: Pace) -> StreamResponse:
    response = StreamResponse()
    response.enable_chunked_encoding()
    await response.prepare(request)
    for _ in range(3):
        await response.write(bytes(1000))
        await asyncio.sleep(0)
    await response.write_eof()
    return response


async def compress(request: BaseRequest, pace: Pace) -> StreamResponse:
    response = Response(body=bytes(200_000), zlib_executor_size=1024)
    response.enable_compression()
    await response.prepare(request)
    await response.write_eof()
    return response


async def send_small_file(request: BaseRequest, pace: Pace) -> StreamResponse:
    return await _send(FileResponse(Path(__file__)), request)


async def send_large_file(request: BaseRequest, pace: Pace) -> StreamResponse:
    return await _send(FileResponse(large_file()), request)


async def send_file_in_pieces(request: BaseRequest, pace: Pace) -> StreamResponse:
    response = FileResponse(large_file(), chunk_size=50_000)
    response.enable_chunked_encoding()
    return await _send(response, request)


async def _send(response: FileResponse, request: BaseRequest) -> StreamResponse:
    await response.prepare(request)
    await response.write_eof()
    return response


def large_file() -> Path:
    """A file of every Python's, too large to be sent from memory."""
    return Path(typing.__file__)


async def talk(request: BaseRequest, pace: Pace) -> StreamResponse:
    websocket = WebSocketResponse()
    await websocket.prepare(request)
    pace.ask()
    async for message in websocket:
        await websocket.send_str(message.data)
        pace.ask()
    return websocket


@dataclass(frozen=True)
class Flow:
    """handler: what is tortured. pieces: what a client sends, the first at once, each other when asked."""

    handler: Handler
    pieces: tuple[bytes, ...] = (GET,)
    options: dict[str, Any] = field(default_factory=dict)  # Any: of the server


FLOWS: Final = {
    "server handler": Flow(answer),
    "server handler, cancelled with its client": Flow(answer, options={"handler_cancellation": True}),
    "upload, read": Flow(read_body, _post(bytes(1000), bytes(1000))),
    "upload, unread": Flow(answer, _post(bytes(1000))),
    "upload, form": Flow(read_form, _post(*_FORM, fields=_BOUNDARY)),
    "upload, parts": Flow(read_parts, _post(*_FORM, fields=_BOUNDARY)),
    "answer streamed": Flow(stream),
    "answer compressed": Flow(compress, (GET.replace(b"Host: t\r\n", b"Host: t\r\nAccept-Encoding: gzip\r\n"),)),
    "answer of a small file": Flow(send_small_file),
    "answer of a large file": Flow(send_large_file),
    "answer of a file in pieces": Flow(send_file_in_pieces),
    "server's WebSocket": Flow(talk, (HEAD.encode() + b"\r\n", frame(TEXT, b"hello"), close_frame(1000))),
}


def flow_server(flow: Flow, cut: Cut, pace: Pace) -> Server:
    """Make a server of the flow's handler, under `cut`; at /next there is a plain answer."""

    async def handler(request: BaseRequest) -> StreamResponse:
        if request.path == "/next":
            return Response(text="next")
        response: StreamResponse = await cut.run_here(flow.handler(request, pace))
        return response

    return Server(handler, access_log=None, **flow.options)


class TLSServing(Serving):
    """A server over TLS that is running."""

    async def talk(self) -> Talk:
        return Talk(*await asyncio.open_connection("127.0.0.1", self.port, ssl=CLIENT_TLS))


@asynccontextmanager
async def served(flow: Flow, cut: Cut, pace: Pace) -> AsyncIterator[Serving]:
    runner = ServerRunner(flow_server(flow, cut, pace), shutdown_timeout=LIMIT_S)
    await runner.setup()
    try:
        await TCPSite(runner, "127.0.0.1", 0).start()
        yield Serving(runner)
    finally:
        await runner.cleanup()


async def play_client(served: Serving, flow: Flow, pace: Pace) -> None:
    """Send what the flow's client sends, until the server has answered or closed; then leave."""
    async with asyncio.timeout(LIMIT_S), await served.talk() as client:
        client.send(flow.pieces[0])

        async def send_on() -> None:
            for piece in flow.pieces[1:]:
                await pace.asked()
                client.send(piece)

        sending = asyncio.ensure_future(send_on())
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, ValueError):  # no chunk where one was due
                await _hear(client, b"Upgrade" in flow.pieces[0])
        finally:
            sending.cancel()
            await asyncio.wait([sending])


async def until_alone(served: Serving) -> None:
    """Wait until the server has forgotten all connections."""
    while served.server.connections:  # noqa: ASYNC110 - no event
        await asyncio.sleep(0)


async def serve_another(served: Serving) -> None:
    """See that the server serves one more client, and then holds nothing."""
    async with asyncio.timeout(LIMIT_S):
        assert (await served.get("/next"))[2] == b"next"
        await until_alone(served)


async def _hear(client: Talk, is_websocket: bool) -> None:
    if is_websocket:
        await client.rest()
    else:
        await client.response()
