"""What the connection offers its service. How it stands hostile clients is told in tests/web/test_misbehaving_*.py."""

import asyncio
import socket
import struct

import pytest

from tests.waiting import until
from tests.web.rough import turns, until_closed, until_nothing_left
from tests.web.serving import serving
from trunkline import web
from trunkline.conn.errors import WriteLost
from trunkline.conn.server_h1 import ServerH1

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"


class Receiver:
    """Speaks another protocol: notes what happens to it."""

    def __init__(self) -> None:
        self.received = b""
        self.events: list[str] = []

    def data_received(self, data: bytes) -> None:
        self.received += data

    def eof_received(self) -> None:
        self.events.append("eof")

    def connection_lost(self, exc: Exception | None) -> None:
        self.events.append("lost")

    def pause_writing(self) -> None:
        self.events.append("pause")

    def resume_writing(self) -> None:
        self.events.append("resume")


@pytest.mark.parametrize("early", [b"", b"early ", GET])
async def test_after_a_switch_all_bytes_go_to_the_receiver(early: bytes) -> None:
    receiver = Receiver()
    switched, over = asyncio.Event(), asyncio.Event()

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        await asyncio.sleep(0)
        request.protocol.switch_protocol(receiver)
        assert receiver.received == early
        switched.set()
        await over.wait()
        return web.Response()

    async with serving(handler) as server, await server.talk() as talk:
        talk.send(GET + early)
        await switched.wait()
        talk.send(b"late")
        await until(lambda: receiver.received == early + b"late")
        talk.writer.write_eof()
        await until(lambda: receiver.events)
        over.set()
        await until_closed(talk)
        await until_nothing_left(server)
    assert receiver.events == ["eof", "lost"]


async def test_a_body_must_be_read_before_the_protocol_is_switched() -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        with pytest.raises(RuntimeError, match="read it before"):
            request.protocol.switch_protocol(Receiver())
        return web.Response(text="refused")

    async with serving(handler) as server, await server.talk() as talk:
        talk.send(POST)
        assert (await talk.response())[2] == b"refused"


async def test_a_connection_is_idle_between_two_requests_and_with_no_byte_of_the_next() -> None:
    seen: list[bool] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        assert isinstance(request.protocol, ServerH1)
        seen.append(request.protocol.is_idle)
        return web.Response()

    async with serving(handler) as server, await server.talk() as talk:
        await until(lambda: server.server.connections)
        (connection,) = server.server.connections
        assert isinstance(connection, ServerH1)
        assert connection.is_idle
        talk.send(GET)
        await talk.response()
        assert connection.is_idle
        assert connection.served == 1
        assert connection.task is None
        assert "idle, 1 served" in repr(connection)
        talk.send(GET[:-1])
        await until(lambda: not connection.is_idle)
    assert seen == [False]


async def test_to_send_on_a_lost_connection_is_a_connection_error() -> None:
    raised: list[Exception] = []
    gone = asyncio.Event()

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        gone.set()
        await until(lambda: request.transport is None)
        try:
            request.protocol.send(b"too late")
        except ConnectionResetError as error:
            raised.append(error)
        return web.Response()

    async with serving(handler) as server:
        async with await server.talk() as talk:
            talk.send(GET)
            await gone.wait()
            (connection,) = server.server.connections
            connection.abort()
        await until_nothing_left(server)
    assert isinstance(raised[0], WriteLost)


@pytest.mark.parametrize("ends", ["close", "force_close", "abort"])
async def test_a_connection_may_be_ended_twice(ends: str) -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response()

    async with serving(handler) as server, await server.talk() as talk:
        talk.send(GET)
        await talk.response()
        (connection,) = server.server.connections
        getattr(connection, ends)()
        getattr(connection, ends)()
        assert await until_closed(talk) == b""
        await until_nothing_left(server)
        connection.close()
        connection.abort()
        assert "closed" in repr(connection)


async def test_what_comes_on_a_connection_that_is_closing_is_not_answered() -> None:
    handled: list[str] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        handled.append(request.path)
        request.protocol.close()
        return web.Response()

    async with serving(handler) as server, await server.talk() as talk:
        talk.send(GET + GET)
        await until_closed(talk)
        await turns()
    assert handled == ["/"]


async def test_a_handler_that_is_cancelled_before_it_begins_leaves_no_connection_behind() -> None:
    begun: list[str] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        begun.append(request.path)
        return web.Response()

    loop = asyncio.get_running_loop()
    loop.set_task_factory(lambda loop, work, **kwargs: asyncio.Task(work, loop=loop, **kwargs))  # none begins at once
    async with serving(handler) as server, await server.talk() as talk:
        await until(lambda: server.server.connections)
        (connection,) = server.server.connections
        connection.get_buffer(len(GET))[: len(GET)] = GET
        connection.buffer_updated(len(GET))
        connection.cancel()
        assert await talk.rest() == b""
        await until_nothing_left(server)
    assert not begun


async def test_the_wait_for_a_body_begins_with_its_head() -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=await request.read())

    async with serving(handler, read_timeout=0.2) as server, await server.talk() as talk:
        talk.send(GET)
        await talk.response()
        await asyncio.sleep(0.3)  # between two requests nobody waits for a body
        talk.send(POST + b"bo")
        await asyncio.sleep(0.1)
        talk.send(b"dy!")
        assert (await talk.response())[2] == b"body!"


async def test_an_answer_that_the_client_still_takes_is_not_cut_for_its_body() -> None:
    answer = b"x" * 8_000_000

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=answer)

    async with serving(handler, lingering_time=0.1) as server, await server.talk() as talk:
        talk.send(POST)  # and never its body
        assert (await talk.head()).startswith(b"HTTP/1.1 200")
        await asyncio.sleep(0.3)
        assert len(await until_closed(talk)) == len(answer)


async def test_a_client_that_is_gone_when_our_direction_is_closed_harms_nobody() -> None:
    loop = asyncio.get_running_loop()
    failures: list[object] = []
    loop.set_exception_handler(lambda _, context: failures.append(context))

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        response.force_close()
        await response.prepare(request)
        await response.write_eof()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()  # by RST, of which the loop has not heard yet
        return response

    async with serving(handler) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(POST)
            await until(lambda: server.server.requests_count)
            await until_nothing_left(server)
    assert not failures
