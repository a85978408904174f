"""A server process is told to end in the middle of a load: no request that it was sent goes without an answer."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
from collections import Counter

import pytest

import trunkline as client
from tests.web.processes import PATIENCE_S, ServerProcess, server_process

LOOPS = pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
CLIENTS = 32
UNDER_LOAD = "many requests have come"  # what the server says before it is told to end
TOLD = re.compile(r"(\d+) begun, (\d+) ended")


class RawLoad:
    """Clients that ask one request after the other, on a connection each, and never again once it is closed."""

    def __init__(self, host: str, port: int) -> None:
        self.answered = 0
        self.endings: Counter[str] = Counter()
        self._address = (host, port)

    async def run(self) -> None:
        await asyncio.gather(*(self._client() for _ in range(CLIENTS)))

    async def _client(self) -> None:
        reader, writer = await asyncio.open_connection(*self._address)
        try:
            while True:
                writer.write(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                await reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]))
                self.answered += 1
                if b"\r\nconnection: close\r\n" in head:
                    self.endings["told" if await reader.read() == b"" else "more than the answer"] += 1
                    return
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            self.endings[f"request without an answer: {error!r}"] += 1
        finally:
            writer.close()


async def _assert_clean_end(server: ServerProcess, answered: int) -> None:
    """The process has ended well; its counts are those of the clients, and it said no more than it always does."""
    assert await server.ended() == 0, server.lines
    await server.line_with("ended")
    match = TOLD.fullmatch(server.lines[-1])
    assert match is not None, server.lines
    assert match.groups() == (str(answered), str(answered))
    assert len(server.lines) == 4, server.lines  # the banner has two


def _host_and_port(url: str) -> tuple[str, int]:
    host, _, port = url.removeprefix("http://").rpartition(":")
    return host, int(port)


@LOOPS
async def test_every_request_on_busy_connections_is_answered(loop: str) -> None:
    async with server_process("counted.py", loop) as server:
        load = RawLoad(*_host_and_port(await server.url()))
        async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
            tasks.create_task(load.run())
            await server.line_with(UNDER_LOAD)
            await server.stop()
        assert load.endings == {"told": CLIENTS}
        await _assert_clean_end(server, load.answered)


@LOOPS
async def test_our_client_sees_answers_and_then_a_refused_connection(loop: str) -> None:
    async with server_process("counted.py", loop) as server:
        url = await server.url()
        ends: Counter[str] = Counter()
        answered = 0

        async def ask_on(session: client.ClientSession) -> None:
            nonlocal answered
            try:
                while True:
                    async with session.get(url) as response:
                        await response.read()
                        assert response.status == 200
                    answered += 1
            except client.ClientConnectorError as error:
                ends[type(error.os_error).__name__] += 1

        async with asyncio.timeout(PATIENCE_S), client.ClientSession() as session, asyncio.TaskGroup() as tasks:
            for _ in range(CLIENTS):
                tasks.create_task(ask_on(session))
            await server.line_with(UNDER_LOAD)
            await server.stop()
        assert ends == {"ConnectionRefusedError": CLIENTS}
        await _assert_clean_end(server, answered)


@pytest.mark.skipif(shutil.which("wrk") is None, reason="needs wrk")
@LOOPS
async def test_wrk_sees_no_error_but_refused_connections(loop: str) -> None:
    async with server_process("counted.py", loop) as server:
        url = await server.url()
        wrk = await asyncio.create_subprocess_exec(
            "wrk", "-t1", f"-c{CLIENTS}", "-d2s", url, stdout=asyncio.subprocess.PIPE
        )
        await server.line_with(UNDER_LOAD)
        assert await server.stop() == 0
        output, _ = await wrk.communicate()
        report = output.decode()
        assert "Non-2xx" not in report
        # A refused connection is an error to write for wrk; one that ends without an answer is one to read.
        assert "read 0, " in report
        assert "timeout 0" in report
        count = re.search(r"(\d+) requests in", report)
        assert count is not None
        await _assert_clean_end(server, int(count[1]))


async def test_a_request_that_is_under_way_is_answered_and_an_idle_connection_closed() -> None:
    async with server_process("counted.py") as server, client.ClientSession() as session:
        url = await server.url()
        reader, writer = await asyncio.open_connection(*_host_and_port(url))
        slow = asyncio.create_task(_status(session, f"{url}/?delay=1"))
        await server.line_with("a slow request has begun")
        assert await _status(session, url) == 200
        server.send(signal.SIGTERM)
        assert await reader.read() == b""
        assert not slow.done()
        assert await slow == 200
        writer.close()
        await _assert_clean_end(server, 2)


async def _status(session: client.ClientSession, url: str) -> int:
    async with session.get(url) as response:
        await response.read()
        return response.status
