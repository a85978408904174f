"""`UploadTracker`: its count of attempts and bytes, and how the future at the end is settled."""

import asyncio
import io
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.conn.socket_pair import peer_of
from trunkline import ClientSession
from trunkline.client.errors import ClientConnectionError, ClientError, UploadAbortedError
from trunkline.client.upload_tracker import UploadAttempt, UploadTracker
from trunkline.conn.client_h1 import ClientH1
from trunkline.conn.key import ConnectionKey
from trunkline.testing.ports import unused_port
from trunkline.testing.test_server import TestServer
from trunkline.web.app import Application
from trunkline.web.exceptions import HTTPSeeOther, HTTPTemporaryRedirect
from trunkline.web.request import Request
from trunkline.web.response import Response


def started(tracker: UploadTracker) -> UploadAttempt:
    tracker.start_attempt()
    assert tracker.attempt is not None
    return tracker.attempt


def outcome(tracker: UploadTracker) -> BaseException | None:
    return tracker.upload_complete.exception()


def test_it_needs_a_running_loop() -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        UploadTracker()


async def test_it_serves_one_request() -> None:
    tracker = UploadTracker()
    tracker.claim()
    with pytest.raises(RuntimeError, match="UploadTracker is already bound to a request"):
        tracker.claim()


async def test_at_first_nothing_has_been_sent() -> None:
    tracker = UploadTracker()
    assert (tracker.bytes_written, tracker.attempts, tracker.upload_complete.done()) == (0, 0, False)


@pytest.mark.parametrize("nbytes", [0, 10])
async def test_a_body_that_went_with_the_head_is_complete_when_the_request_is(nbytes: int) -> None:
    tracker = UploadTracker()
    started(tracker).sent_with_head(nbytes)
    assert (tracker.bytes_written, tracker.attempts) == (nbytes, 1)
    assert not tracker.upload_complete.done()  # a redirect may follow
    tracker.conclude()
    assert outcome(tracker) is None


async def test_each_attempt_begins_anew() -> None:
    tracker = UploadTracker()
    started(tracker).sent_with_head(100)
    started(tracker)
    assert (tracker.bytes_written, tracker.attempts) == (0, 2)
    tracker.conclude()
    assert isinstance(outcome(tracker), UploadAbortedError)


@pytest.mark.parametrize("attempts", [0, 1])
async def test_a_request_that_failed_before_it_was_written_aborted_its_upload(attempts: int) -> None:
    tracker = UploadTracker()
    for _ in range(attempts):
        tracker.start_attempt()
    tracker.conclude(ClientConnectionError("refused"))
    assert isinstance(outcome(tracker), UploadAbortedError)


async def test_a_body_that_was_sent_whole_stays_so_when_the_request_fails_later() -> None:
    tracker = UploadTracker()
    started(tracker).sent_with_head(5)
    tracker.conclude(ClientConnectionError("no answer"))
    assert outcome(tracker) is None


async def test_the_upload_goes_on_beside_an_early_response() -> None:
    connection = ClientH1(asyncio.get_running_loop(), ConnectionKey("test", 80, False, True))
    tracker = UploadTracker()
    attempt = started(tracker)
    async with peer_of(connection):
        writer = attempt.open_writer(connection, 8, chunked=False, coding=None)
        await writer.write(b"body")
        tracker.conclude()
        assert (tracker.bytes_written, tracker.upload_complete.done()) == (4, False)
        await writer.write_eof(b"body")
        attempt.close(None)
    assert tracker.bytes_written == 8
    assert outcome(tracker) is None


@pytest.mark.parametrize("is_answered", [True, False])
async def test_a_source_that_failed_is_told_by_the_error_of_the_request(is_answered: bool) -> None:
    connection = ClientH1(asyncio.get_running_loop(), ConnectionKey("test", 80, False, True))
    tracker = UploadTracker()
    attempt = started(tracker)
    async with peer_of(connection):
        attempt.open_writer(connection, 8, chunked=False, coding=None)
        own, raised = ClientConnectionError("source"), ClientConnectionError("source, as the request says it")
        attempt.close(own)
        tracker.conclude(None if is_answered else raised)
    assert outcome(tracker) is (own if is_answered else raised)


async def test_an_attempt_that_ended_late_does_not_speak_for_the_next_one() -> None:
    connection = ClientH1(asyncio.get_running_loop(), ConnectionKey("test", 80, False, True))
    tracker = UploadTracker()
    old = started(tracker)
    async with peer_of(connection):
        old.open_writer(connection, 8, chunked=False, coding=None)
        started(tracker).sent_with_head(3)
        old.close(ClientConnectionError("cut"))
        assert not tracker.upload_complete.done()
        tracker.conclude()
    assert outcome(tracker) is None


async def test_a_future_that_the_user_cancelled_stays_cancelled() -> None:
    tracker = UploadTracker()
    tracker.upload_complete.cancel()
    started(tracker).sent_with_head(3)
    tracker.conclude()
    assert tracker.upload_complete.cancelled()


# Through a session.


async def read_all(request: Request) -> Response:
    await request.read()
    return Response(text="read")


async def answer_early(request: Request) -> Response:
    return Response(text="early", headers={"Connection": "close"})


async def see_other(request: Request) -> Response:
    await request.read()
    raise HTTPSeeOther("/read")


async def resend(request: Request) -> Response:
    await request.read()
    raise HTTPTemporaryRedirect("/read")


@pytest.fixture
async def server() -> AsyncIterator[TestServer]:
    app = Application(client_max_size=0)
    for handler in (read_all, answer_early, see_other, resend):
        app.router.add_post("/read" if handler is read_all else f"/{handler.__name__}", handler)
    app.router.add_get("/read", read_all)
    async with TestServer(app) as running:
        yield running


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def broken_source() -> AsyncIterator[bytes]:
    yield b"z" * 100
    raise KeyError("source")


@pytest.mark.parametrize(
    ("path", "options", "nbytes", "attempts", "output_bytes"),
    [
        ("/read", {}, 0, 1, 0),
        ("/read", {"data": b"x" * 10}, 10, 1, 10),
        ("/read", {"data": b"x" * 10_000, "compress": "gzip"}, 10_000, 1, 40),
        ("/read", {"data": b"x" * 300_000}, 300_000, 1, 300_000),
        ("/read", {"data": b"x" * 10, "expect100": True}, 10, 1, 10),
        ("/see_other", {"data": b"x" * 100}, 0, 2, 0),
        ("/resend", {"data": b"x" * 100}, 100, 2, 100),
    ],
)
async def test_bytes_and_attempts_of_requests(
    server: TestServer, path: str, options: dict[str, Any], nbytes: int, attempts: int, output_bytes: int
) -> None:
    tracker = UploadTracker()
    async with (
        ClientSession() as session,
        session.post(server.make_url(path), upload_tracker=tracker, **options) as response,
    ):
        assert response.status == 200
        await response.upload_complete
        assert response.output_size in range(output_bytes + 100, output_bytes + 300)  # with the head
    assert (tracker.bytes_written, tracker.attempts) == (nbytes, attempts)
    await tracker.upload_complete


async def test_a_streamed_body_counts_without_its_framing(server: TestServer) -> None:
    tracker = UploadTracker()
    data = pieces(*[b"y" * 1000] * 5)
    async with ClientSession() as session, session.post(server.make_url("/read"), data=data, upload_tracker=tracker):
        assert tracker.bytes_written == 5000
    await tracker.upload_complete


async def test_the_future_tells_of_a_body_that_an_early_answer_cut_off(server: TestServer) -> None:
    tracker = UploadTracker()
    body = io.BytesIO(b"x" * 50_000_000)
    async with (
        ClientSession() as session,
        session.post(server.make_url("/answer_early"), data=body, upload_tracker=tracker) as response,
    ):
        assert await response.text() == "early"
        sent = response.upload_complete
        with pytest.raises(UploadAbortedError):
            await tracker.upload_complete
        with pytest.raises(UploadAbortedError):
            await sent
    assert tracker.bytes_written < 50_000_000


async def test_the_request_and_the_future_fail_with_the_same_error(server: TestServer) -> None:
    tracker = UploadTracker()
    async with ClientSession() as session:
        with pytest.raises(ClientConnectionError, match="source") as raised:
            await session.post(server.make_url("/read"), data=broken_source(), upload_tracker=tracker)
    assert outcome(tracker) is raised.value


async def test_a_cancelled_request_aborts_its_upload(server: TestServer) -> None:
    tracker = UploadTracker()
    sent = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield b"q" * 100
        sent.set()
        await asyncio.Event().wait()

    async with ClientSession() as session:

        async def post() -> None:
            await session.post(server.make_url("/read"), data=endless(), upload_tracker=tracker)

        posting = asyncio.create_task(post())
        await sent.wait()
        assert (tracker.bytes_written, tracker.attempts) == (100, 1)
        posting.cancel()
        await asyncio.wait([posting])
        assert isinstance(outcome(tracker), UploadAbortedError)


async def test_a_tracker_is_refused_by_a_second_request(server: TestServer) -> None:
    tracker = UploadTracker()
    async with ClientSession() as session:
        await session.post(server.make_url("/read"), upload_tracker=tracker)
        with pytest.raises(RuntimeError, match="already bound"):
            await session.post(server.make_url("/read"), upload_tracker=tracker)


async def test_where_nobody_listens_an_attempt_was_made_and_nothing_sent() -> None:
    tracker = UploadTracker()
    async with ClientSession() as session:
        with pytest.raises(ClientConnectionError):
            await session.post(f"http://127.0.0.1:{unused_port()}/", data=b"x", upload_tracker=tracker)
    assert (tracker.bytes_written, tracker.attempts) == (0, 1)
    assert isinstance(outcome(tracker), UploadAbortedError)


@pytest.mark.parametrize("url", ["foo://host/", "http://[::1", "http://host/"])
async def test_a_request_that_never_began_is_concluded_too(url: str) -> None:
    tracker = UploadTracker()
    session = ClientSession()
    if url == "http://host/":
        await session.close()
    with pytest.raises((ClientError, RuntimeError)):
        await session.post(url, data=b"x", upload_tracker=tracker)
    await session.close()
    assert isinstance(outcome(tracker), UploadAbortedError)
