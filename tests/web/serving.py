"""Serves a handler or an application on loopback, and speaks to it over a plain socket."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Self

from trunkline.web.app import Application
from trunkline.web.runner import AppRunner, ServerRunner
from trunkline.web.server import Server
from trunkline.web.sites import TCPSite

# Any: a request of either class, and whatever the test lets a handler return.
Handler = Callable[[Any], Awaitable[Any]]


class Talk:
    """One connection to the server under test."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except ConnectionError:
            pass

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def head(self) -> bytes:
        """Read one head, its empty line included."""
        return await self.reader.readuntil(b"\r\n\r\n")

    async def response(self) -> tuple[int, dict[str, str], bytes]:
        """Read one response, of a length that is told: status, fields by lower-case name, body."""
        status, fields = parse_head(await self.head())
        if fields.get("transfer-encoding") == "chunked":
            return status, fields, await self._chunks()
        return status, fields, await self.reader.readexactly(int(fields.get("content-length", 0)))

    async def _chunks(self) -> bytes:
        body = b""
        while size := int(await self.reader.readline(), 16):
            body += await self.reader.readexactly(size)
            await self.reader.readexactly(2)
        await self.reader.readexactly(2)
        return body

    async def rest(self) -> bytes:
        """Read until the server closes."""
        return await self.reader.read()


def parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    """Return the status and the fields by lower-case name, the last one where there are several."""
    status_line, *lines = head.decode("latin-1").split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    return int(status_line.split(" ", 2)[1]), fields


class Serving:
    """A server that is running. port: on 127.0.0.1."""

    def __init__(self, runner: AppRunner | ServerRunner) -> None:
        self.runner = runner
        self.port = int(runner.addresses[0][1])
        self.url = f"http://127.0.0.1:{self.port}"

    @property
    def server(self) -> Server:
        assert self.runner.server is not None
        return self.runner.server

    async def talk(self) -> Talk:
        return Talk(*await asyncio.open_connection("127.0.0.1", self.port))

    async def ask(self, request: bytes) -> tuple[int, dict[str, str], bytes]:
        """Send one request on a connection of its own and return its response."""
        async with await self.talk() as talk:
            talk.send(request)
            return await talk.response()

    async def get(self, path: str, *lines: str) -> tuple[int, dict[str, str], bytes]:
        """GET `path` with further field lines."""
        head = "".join(f"{line}\r\n" for line in (f"GET {path} HTTP/1.1", "Host: test", *lines))
        return await self.ask(f"{head}\r\n".encode("latin-1"))


@asynccontextmanager
async def serving(service: "Handler | Application", **kwargs: Any) -> AsyncIterator[Serving]:  # Any: for the server
    """Serve an application, or one handler for every request, on port 0."""
    runner: AppRunner | ServerRunner
    if isinstance(service, Application):
        runner = AppRunner(service, shutdown_timeout=5, **kwargs)
    else:
        runner = ServerRunner(Server(service, **kwargs), shutdown_timeout=5)
    await runner.setup()
    try:
        await TCPSite(runner, "127.0.0.1", 0).start()
        yield Serving(runner)
    finally:
        await runner.cleanup()
