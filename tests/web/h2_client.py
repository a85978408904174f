"""A client of HTTP/2 that says what a test wants it to: the h2 library (hyper) over a plain socket.

h2 checks all that it receives, so a frame that must not be sent fails the test.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from ssl import SSLContext
from typing import Any, Self

import h2.config
import h2.connection
import h2.events
import h2.exceptions

Fields = list[tuple[str, str]]


class Answer:
    """What has come in one stream. reset: the code of an RST_STREAM."""

    def __init__(self) -> None:
        self.interim: list[dict[str, str]] = []
        self.fields: dict[str, str] = {}
        self.body = b""
        self.is_whole = False
        self.reset: int | None = None

    @property
    def status(self) -> int:
        return int(self.fields[":status"])

    @property
    def is_over(self) -> bool:
        return self.is_whole or self.reset is not None


class H2Talk:
    """One connection to the server under test.

    gives_back: windows are opened as data come. is_mute: nothing is sent.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, gives_back: bool) -> None:
        self.reader = reader
        self.writer = writer
        self.codec = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self.answers: dict[int, Answer] = {}
        self.events: list[h2.events.Event] = []
        self.goaways: list[h2.events.ConnectionTerminated] = []
        self.is_closed = False
        self.is_mute = False
        self._gives_back = gives_back
        self._news = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        assert self._reading is not None
        self.writer.close()
        self._reading.cancel()
        try:
            await self.writer.wait_closed()
        except ConnectionError:
            pass
        if self._reading.done() and not self._reading.cancelled():
            self._reading.result()

    def begin(self, settings: dict[int, int] | None = None) -> None:
        """Say the preface. settings: beside those of the h2 library."""
        self.codec.initiate_connection()
        if settings:
            self.codec.update_settings(settings)
        self.flush()

    def flush(self) -> None:
        """Send what the codec has to say."""
        if not self.is_mute:
            self.writer.write(self.codec.data_to_send())

    def ask(
        self,
        path: str,
        method: str = "GET",
        *,
        body: bytes | None = None,
        ends: bool = True,
        fields: Fields | None = None,
    ) -> int:
        """Send a request; return its stream. ends: with what is sent here."""
        number = self.codec.get_next_available_stream_id()
        head = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "test"), *(fields or [])]
        self.codec.send_headers(number, head, end_stream=ends and body is None)
        self.answers[number] = Answer()
        if body is not None:
            self.codec.send_data(number, body, end_stream=ends)
        self.flush()
        return number

    def send(self, number: int, data: bytes, *, ends: bool = False) -> None:
        """Send bytes in a stream."""
        self.codec.send_data(number, data, end_stream=ends)
        self.flush()

    def reset(self, number: int, code: int = 8) -> None:
        """Give up a stream."""
        self.codec.reset_stream(number, code)
        self.flush()

    async def until(self, is_met: Callable[[], object], seconds: float = 5.0) -> None:
        """Wait until something that came meets a condition."""
        async with asyncio.timeout(seconds):
            while not is_met():
                self._news.clear()
                await self._news.wait()

    async def answer(self, number: int) -> Answer:
        """Wait for the end of an answer."""
        answer = self.answers[number]
        await self.until(lambda: answer.is_over or self.is_closed)
        return answer

    async def get(self, path: str, method: str = "GET", **kwargs: Any) -> Answer:  # Any: as ask() takes them
        """Send a request and return its answer."""
        return await self.answer(self.ask(path, method, **kwargs))

    async def closed(self, seconds: float = 5.0) -> None:
        """Wait until the server closes."""
        await self.until(lambda: self.is_closed, seconds)

    async def _read(self) -> None:
        try:
            while data := await self.reader.read(2**16):
                self._take(self.codec.receive_data(data))
                self.flush()
                self._news.set()
        except ConnectionError:
            pass
        finally:
            self.is_closed = True
            self._news.set()

    def _take(self, events: Iterable[h2.events.Event]) -> None:
        for event in events:
            self.events.append(event)
            if isinstance(event, h2.events.ConnectionTerminated):
                self.goaways.append(event)
                if event.error_code == 0:  # the library hears nothing after it; a client goes on (RFC 9113 §6.8)
                    self.codec.state_machine.state = h2.connection.ConnectionState.CLIENT_OPEN
                continue
            number = getattr(event, "stream_id", None)
            answer = self.answers.get(number or 0)
            if answer is None or number is None:
                continue
            if isinstance(event, h2.events.InformationalResponseReceived):
                answer.interim.append(_fields(event.headers))
            elif isinstance(event, h2.events.ResponseReceived):
                answer.fields = _fields(event.headers)
            elif isinstance(event, h2.events.DataReceived):
                answer.body += event.data
                if self._gives_back and event.flow_controlled_length:
                    self.codec.acknowledge_received_data(event.flow_controlled_length, number)
            elif isinstance(event, h2.events.StreamEnded):
                answer.is_whole = True
            elif isinstance(event, h2.events.StreamReset):
                answer.reset = int(event.error_code)


def _fields(headers: Any) -> dict[str, str]:  # Any: the library says bytes or str, and we ask for str
    return {str(name): str(value) for name, value in headers}


@asynccontextmanager
async def h2_talk(
    port: int,
    *,
    settings: dict[int, int] | None = None,
    gives_back: bool = True,
    begins: bool = True,
    context: SSLContext | None = None,
) -> AsyncIterator[H2Talk]:
    """Connect to a server on 127.0.0.1."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    async with H2Talk(reader, writer, gives_back=gives_back) as talk:
        if begins:
            talk.begin(settings)
        yield talk
