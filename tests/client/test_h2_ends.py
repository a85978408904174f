"""Exchanges over HTTP/2 that end early: by GOAWAY, a reset, a fault, a lost connection, or a cancellation of ours."""

import asyncio

import pytest
from h2.errors import ErrorCodes

from tests.client.h2 import clear_session, pieces, post, read_all, stats_of
from tests.h2_server import H2Server, ServerStream
from tests.raw_server import RawServer, replying
from tests.waiting import until
from trunkline import ClientPayloadError, ClientResponseError, ServerDisconnectedError, TraceConfig

MB = 2**20


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_what_a_server_that_goes_away_did_not_process_is_sent_again_once(method: str) -> None:
    async def go_at_first(stream: ServerStream) -> None:
        if len(server.peers) == 1:
            await stream.whole()
            stream.peer.go_away(0)
        else:
            stream.answer(await stream.whole() or b"got")

    async with H2Server(go_at_first) as server, clear_session() as session:
        async with session.request(method, server.url(), data=b"got" if method == "POST" else None) as response:
            assert await response.read() == b"got"
        assert (len(server.requests), stats_of(session).requests, stats_of(session).retries) == (2, 2, 1)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_refused_stream_is_sent_again_six_times(method: str) -> None:
    async def refuse(stream: ServerStream) -> None:
        stream.reset(ErrorCodes.REFUSED_STREAM)

    async with H2Server(refuse) as server, clear_session() as session:
        with pytest.raises(ServerDisconnectedError, match="REFUSED_STREAM"):
            await session.request(method, server.url())
        assert (len(server.requests), stats_of(session).requests, stats_of(session).retries) == (7, 7, 6)


async def test_requests_outlive_connections_that_end_one_after_the_other() -> None:
    async def go_over_and_over(stream: ServerStream) -> None:
        if len(server.peers) <= 6:
            stream.peer.go_away(0)
        else:
            stream.answer(await stream.whole())

    async with H2Server(go_over_and_over) as server, clear_session() as session:
        assert await post(session, server.url(), b"once") == b"once"
        assert stats_of(session).opened == 7


async def test_streams_below_the_last_of_a_goaway_go_on() -> None:
    async def go(stream: ServerStream) -> None:
        if len(server.peers) > 1:
            stream.answer(b"elsewhere")
            return
        stream.head()
        stream.say(b"begun, ")
        if stream.number == 1:
            stream.peer.go_away_by_hand(1)
            await asyncio.sleep(0.02)
            stream.say(b"ended", ends=True)

    async with H2Server(go) as server, clear_session() as session:
        async with session.get(server.url()) as response:
            assert await response.content.readany() == b"begun, "
            assert await read_all(session, server.url()) == b"elsewhere"
            assert await response.content.readany() == b"ended"
        await until(lambda: server.peers[0].is_lost)


async def test_a_reset_before_the_head_is_a_disconnection() -> None:
    async def reset(stream: ServerStream) -> None:
        stream.reset(ErrorCodes.INTERNAL_ERROR)

    async with H2Server(reset) as server, clear_session() as session:
        with pytest.raises(ServerDisconnectedError, match="INTERNAL_ERROR"):
            await session.get(server.url())
        assert len(server.requests) == 1


async def test_a_reset_within_the_body_is_told_to_its_reader() -> None:
    async def reset(stream: ServerStream) -> None:
        stream.head()
        stream.say(b"half")
        await asyncio.sleep(0.01)
        stream.reset(ErrorCodes.INTERNAL_ERROR)

    async with H2Server(reset) as server, clear_session() as session:
        async with session.get(server.url()) as response:
            with pytest.raises(ClientPayloadError, match="INTERNAL_ERROR"):
                await response.read()
        assert len(server.peers) == 1
        assert stats_of(session).errors == {"ClientPayloadError": 1}


async def test_a_reset_with_the_head_is_told_to_its_reader() -> None:
    async def reset(stream: ServerStream) -> None:
        stream.peer.h2.send_headers(stream.number, [(":status", "200")])
        stream.peer.h2.reset_stream(stream.number, ErrorCodes.CANCEL)
        stream.peer.flush()

    async with H2Server(reset) as server, clear_session() as session, session.get(server.url()) as response:
        assert response.status == 200
        with pytest.raises(ClientPayloadError, match="CANCEL"):
            await response.read()


async def test_a_body_shorter_than_its_length_is_an_error() -> None:
    async def cheat(stream: ServerStream) -> None:
        stream.answer(b"four", fields=[("content-length", "5")])

    async with H2Server(cheat) as server, clear_session() as session, session.get(server.url()) as response:
        with pytest.raises(ClientPayloadError, match="Content-Length"):
            await response.read()


async def test_a_malformed_head_ends_its_stream_alone() -> None:
    async def bad(stream: ServerStream) -> None:
        stream.peer.h2.config.validate_outbound_headers = stream.peer.h2.config.normalize_outbound_headers = False
        if len(server.requests) == 1:
            stream.head(200, [("connection", "close")])
        else:
            stream.answer()

    async with H2Server(bad) as server, clear_session() as session:
        with pytest.raises(ClientResponseError, match="connection"):
            await session.get(server.url())
        assert await read_all(session, server.url()) == b"ok"
        assert len(server.peers) == 1


async def test_a_connection_that_breaks_tells_all_its_exchanges() -> None:
    async def crash(stream: ServerStream) -> None:
        if stream.path == "/begun":
            stream.head()
            stream.say(b"half")
        if len(server.requests) == 2:
            await asyncio.sleep(0.01)
            stream.peer.transport.abort()

    async with H2Server(crash) as server, clear_session() as session, session.get(server.url("/begun")) as response:
        with pytest.raises(ServerDisconnectedError):
            await session.post(server.url())
        with pytest.raises(ClientPayloadError):
            await response.read()


async def test_bytes_that_break_the_protocol_end_the_connection_with_a_goaway() -> None:
    async def babble(stream: ServerStream) -> None:
        stream.peer.transport.write(b"\0\0\x05\x06\0\0\0\0\0short")

    async with H2Server(babble) as server, clear_session() as session:
        with pytest.raises(ClientResponseError, match="PING"):
            await session.get(server.url())
        await until(lambda: server.goodbyes == [ErrorCodes.FRAME_SIZE_ERROR])


async def test_a_get_on_a_connection_that_went_stale_is_sent_again() -> None:
    async def serve_once(stream: ServerStream) -> None:
        if len(server.requests) == 2:
            stream.peer.transport.abort()
        else:
            stream.answer()

    async with H2Server(serve_once) as server, clear_session() as session:
        assert await read_all(session, server.url()) == b"ok"
        assert await read_all(session, server.url()) == b"ok"
        assert (len(server.peers), stats_of(session).retries) == (2, 1)


@pytest.mark.parametrize("phase", ["waiting", "reading", "uploading"])
async def test_a_cancelled_request_resets_its_stream_alone(phase: str) -> None:
    async def stall(stream: ServerStream) -> None:
        if stream.path == "/":
            stream.answer()
        elif phase == "reading":
            stream.head()
            stream.say(b"half")

    async with H2Server(stall) as server, clear_session() as session:
        endless = pieces(10**6) if phase == "uploading" else None
        task = asyncio.create_task(post(session, server.url("/stall"), endless))
        await until(lambda: server.requests)
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.wait_for(server.requests[0].was_reset, 5) == ErrorCodes.CANCEL
        assert await read_all(session, server.url()) == b"ok"
        assert len(server.peers) == 1


async def test_two_hundred_cancellations_leave_the_windows_whole() -> None:
    async def serve(stream: ServerStream) -> None:
        if stream.path == "/big":
            stream.head()
            await stream.send(b"x" * (10 * MB), ends=True)
            return
        stream.head(ends=stream.path == "/")
        if stream.path != "/":
            stream.say(b"x" * 5000)

    async with H2Server(serve) as server, clear_session() as session:
        await read_all(session, server.url())
        for number in range(200):
            if number % 2:
                async with session.get(server.url("/part")):
                    pass  # the rest is not wanted
            else:
                task = asyncio.create_task(read_all(session, server.url("/part")))
                await asyncio.sleep(0.001 * (number % 3))
                task.cancel()
                await asyncio.wait([task])
        assert len(await read_all(session, server.url("/big"))) == 10 * MB
        assert len(server.peers) == 1


async def test_a_place_that_goes_in_the_read_in_which_it_becomes_free_is_not_handed_on() -> None:
    async def answer(stream: ServerStream) -> None:
        await gate.wait()
        stream.peer.h2.send_headers(stream.number, [(":status", "200")], end_stream=True)
        stream.peer.go_away(stream.number)  # in one write

    async def note_reuse(session: object, context: object, params: object) -> None:
        reused.append(params)

    reused: list[object] = []
    tracing = TraceConfig()
    tracing.on_connection_reuseconn.append(note_reuse)
    tracing.freeze()
    gate = asyncio.Event()
    async with H2Server(answer) as server, clear_session(limit=1) as session:
        session.trace_configs.append(tracing)
        tasks = [asyncio.create_task(read_all(session, server.url())) for _ in range(2)]
        await until(lambda: stats_of(session).queued == 1 and server.requests)
        gate.set()
        assert await asyncio.gather(*tasks) == [b"", b""]
        assert (len(reused), len(server.peers)) == (0, 2)


async def test_all_requests_to_a_server_that_speaks_something_else_are_told_so() -> None:
    async with RawServer(replying(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as server, clear_session() as session:
        errors = await asyncio.gather(*(read_all(session, server.url()) for _ in range(20)), return_exceptions=True)
        assert {"speaks something else" in str(error) for error in errors} == {True}
