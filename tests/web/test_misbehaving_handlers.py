"""Handlers that make mistakes: their author is told, the client gets a whole answer or a cut one, never a wrong one."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from http.cookies import CookieError
from typing import Any

import pytest

from tests.web.rough import statuses, until_closed
from tests.web.serving import serving
from trunkline import web

ASK = b"GET /first HTTP/1.1\r\nHost: a\r\n\r\n"
ASK_LAST = b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

Handler = Callable[[web.BaseRequest], Awaitable[Any]]  # Any: what a handler returns is part of the test


async def answers(handler: Handler, method: str = "GET") -> list[int | str]:
    """Return what comes in answer to two requests on one connection, the first handled by `handler`."""

    async def handle(request: web.BaseRequest) -> Any:  # Any: as above
        if request.path == "/last":
            return web.Response(text="last", status=299)
        return await handler(request)

    async with serving(handle, lingering_time=0.2) as server, await server.talk() as talk:
        talk.send((ASK + ASK_LAST).replace(b"GET", method.encode()))
        return statuses(await until_closed(talk), method)


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


def streaming(*pieces: bytes, status: int = 200, length: int | None = None, headers: Any = None) -> Handler:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(status=status, headers=headers)
        if length is not None:
            response.content_length = length
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
        return response

    return handler


def returning(make: Callable[[], Any]) -> Handler:  # Any: whatever a handler might return
    async def handler(request: web.BaseRequest) -> Any:
        return make()

    return handler


WRONG_LENGTHS: dict[str, Handler] = {
    "more in one piece": streaming(b"123456", length=5),
    "more in two pieces": streaming(b"12345", b"6", length=5),
    "more than nothing": streaming(b"1", length=0),
    "less": streaming(b"1234", length=5),
    "nothing": streaming(length=5),
}


@pytest.mark.parametrize("handler", WRONG_LENGTHS.values(), ids=WRONG_LENGTHS)
async def test_a_body_that_does_not_fit_its_length_ends_the_connection_and_the_author_is_told(
    handler: Handler, caplog: pytest.LogCaptureFixture
) -> None:
    # Who writes too much may have sent a whole answer before; behind it comes nothing.
    assert await answers(handler) in ([], [200], [200, "cut"])
    assert errors(caplog)


async def test_a_piece_too_much_raises_where_it_is_written() -> None:
    raised: list[str] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "5"})
        await response.prepare(request)
        await response.write(b"12345")
        try:
            await response.write(b"6")
        except ValueError as error:
            raised.append(str(error))
        return response

    assert await answers(handler) == [200, 299]
    assert "Content-Length" in raised[0]


SHARED = web.Response(text="shared")

WRONG_HEADS: dict[str, Callable[[], Any]] = {
    "length too long": lambda: web.Response(body=b"123", headers={"Content-Length": "5"}),
    "length too short": lambda: web.Response(body=b"123", headers={"Content-Length": "1"}),
    "length of letters": lambda: web.Response(body=b"123", headers={"Content-Length": "three"}),
    "length +3": lambda: web.Response(body=b"123", headers={"Content-Length": "+3"}),
    "length 1_0": lambda: web.Response(body=b"1234567890", headers={"Content-Length": "1_0"}),
    "negative length": lambda: web.Response(body=b"123", headers={"Content-Length": "-3"}),
    "two lengths": lambda: web.Response(body=b"1", headers=[("Content-Length", "1"), ("Content-Length", "2")]),
    "length and chunks": lambda: web.Response(
        body=b"123", headers={"Content-Length": "3", "Transfer-Encoding": "chunked"}
    ),
    "CR LF in a value": lambda: web.Response(headers={"X": "y\r\nSet-Cookie: a=b"}),
    "LF in a value": lambda: web.Response(headers={"X": "y\nSet-Cookie: a=b"}),
    "NUL in a value": lambda: web.Response(headers={"X": "\0"}),
    "CR LF in a name": lambda: web.Response(headers={"X\r\nY": "z"}),
    "colon in a name": lambda: web.Response(headers={"X:": "z"}),
    "space in a name": lambda: web.Response(headers={"X ": "z"}),
    "empty name": lambda: web.Response(headers={"": "z"}),
    "value that cannot be encoded": lambda: web.Response(headers={"X": "\ud800"}),
    "CR LF in the content type": lambda: web.Response(body=b"1", content_type="text/plain\r\nX: y"),
    "content type that cannot be encoded": lambda: web.Response(body=b"1", content_type="text/\ud800"),
    "CR LF in a cookie's path": lambda: with_cookie("path", "/\r\nX: y"),
    "NUL in the reason": lambda: web.Response(body=b"1", reason="O\0K"),
    "NUL in the reason, the long way": lambda: web.Response(reason="O\0K", headers={"X": "y"}),
    "reason that cannot be encoded": lambda: web.Response(body=b"1", reason="\ud800"),
    "nothing": lambda: None,
    "text": lambda: "text",
    "a class": lambda: web.Response,
    "a response made for another request": lambda: SHARED,
    "an informational status": lambda: web.Response(status=103),
    "no status": lambda: web.Response(status=1000),
}


def with_cookie(attribute: str, value: str) -> web.Response:
    response = web.Response()
    response.cookies["name"] = "value"
    response.cookies["name"][attribute] = value
    return response


@pytest.mark.parametrize("make", WRONG_HEADS.values(), ids=WRONG_HEADS)
async def test_a_response_that_cannot_be_sent_is_a_500_and_the_author_told(
    make: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    if make is WRONG_HEADS["a response made for another request"]:
        await answers(returning(make))
    assert await answers(returning(make)) == [500]
    assert errors(caplog)


STREAMED_HEADS: dict[str, Any] = {  # Any: headers of all kinds
    "CR LF in a value": {"X": "y\r\nZ: z"},
    "value that cannot be encoded": {"X": "\ud800"},
    "two lengths": [("Content-Length", "1"), ("Content-Length", "2")],
    "length +1": {"Content-Length": "+1"},
}


@pytest.mark.parametrize("headers", STREAMED_HEADS.values(), ids=STREAMED_HEADS)
async def test_a_streamed_response_whose_head_cannot_be_sent_is_a_500(
    headers: Any, caplog: pytest.LogCaptureFixture
) -> None:
    assert await answers(streaming(b"1", headers=headers)) == [500]
    assert errors(caplog)


async def test_the_author_may_answer_otherwise_when_a_head_cannot_be_sent() -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"X": "y\r\nZ: z"})
        with pytest.raises(ValueError, match="control character"):
            await response.prepare(request)
        return web.Response(text="otherwise")

    assert await answers(handler) == [200, 299]


NO_LINES: dict[str, Callable[[web.StreamResponse], object]] = {
    "CR LF in the reason": lambda response: response.set_status(200, "O\r\nX: y"),
    "LF in the reason": lambda response: response.set_status(200, "O\nK"),
    "NUL in the reason": lambda response: response.set_status(200, "O\0K"),
    "CR LF in a cookie's name": lambda response: response.set_cookie("a\r\nb", "c"),
    "CR LF in a cookie's path": lambda response: response.set_cookie("a", "b", path="/\r\nX: y"),
    "semicolon in a cookie's path": lambda response: response.set_cookie("a", "b", path="/; Domain=evil"),
    "CR LF in a cookie's domain": lambda response: response.set_cookie("a", "b", domain="a\r\nX: y"),
    "negative length": lambda response: setattr(response, "content_length", -1),
    "status of four digits": lambda response: response.set_status(1000),
    "negative status": lambda response: response.set_status(-1),
}


@pytest.mark.parametrize("change", NO_LINES.values(), ids=NO_LINES)
def test_what_could_start_a_line_of_its_own_is_refused_at_the_call(
    change: Callable[[web.StreamResponse], object],
) -> None:
    with pytest.raises((ValueError, CookieError)):
        change(web.StreamResponse())


async def test_a_cookie_value_with_a_line_break_does_not_start_a_line() -> None:
    def make() -> web.Response:
        response = web.Response(text="1")
        response.set_cookie("a", "b\r\nX: y")
        return response

    async with serving(returning(make)) as server:
        status, fields, _ = await server.get("/")
    assert status == 200
    assert "x" not in fields


async def begun(request: web.BaseRequest) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"begun")
    return response


async def raises_then(request: web.BaseRequest) -> Any:
    await begun(request)
    raise RuntimeError("in the middle")


async def raises_http(request: web.BaseRequest) -> Any:
    await begun(request)
    raise web.HTTPBadRequest


async def times_out(request: web.BaseRequest) -> Any:
    await begun(request)
    raise TimeoutError


async def returns_other(request: web.BaseRequest) -> Any:
    await begun(request)
    return web.Response(text="other")


async def returns_nothing(request: web.BaseRequest) -> Any:
    await begun(request)


async def prepares_two(request: web.BaseRequest) -> Any:
    await begun(request)
    return await begun(request)


@pytest.mark.parametrize("handler", [raises_then, raises_http, times_out, returns_other, returns_nothing, prepares_two])
async def test_an_answer_that_has_begun_is_cut_when_it_cannot_go_on(
    handler: Handler, caplog: pytest.LogCaptureFixture
) -> None:
    assert await answers(handler) in ([200, "cut"], [])
    assert errors(caplog)


async def test_another_answer_behind_one_that_is_whole_is_not_sent(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        response = await begun(request)
        await response.write_eof()
        return web.Response(text="other")

    assert await answers(handler) in ([200], [])
    assert errors(caplog)


@pytest.mark.parametrize("status", [204, 304])
async def test_a_streamed_response_that_has_no_body_gets_none_and_the_author_is_told(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    evil = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    assert await answers(streaming(evil, status=status)) == [status]
    assert errors(caplog)


@pytest.mark.parametrize("status", [204, 304])
async def test_a_response_that_has_no_body_gets_none(status: int) -> None:
    evil = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    assert await answers(returning(lambda: web.Response(body=evil, status=status))) == [status, 299]


@pytest.mark.parametrize("handler", [streaming(b"body"), streaming(b"body", length=4), begun])
async def test_a_response_to_head_gets_no_body(handler: Handler) -> None:
    assert await answers(handler, "HEAD") == [200, 299]


async def test_transfer_encoding_set_by_the_author_frames_the_body_once() -> None:
    found = await answers(streaming(b"one", b"two", headers={"Transfer-Encoding": "chunked"}))
    assert found == [200, 299]


async def test_a_handler_that_is_cancelled_by_itself_ends_only_its_connection() -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/cancelled":
            raise asyncio.CancelledError
        return web.Response(text="fine")

    async with serving(handler) as server:
        async with await server.talk() as talk:
            talk.send(b"GET /cancelled HTTP/1.1\r\nHost: a\r\n\r\n")
            assert await until_closed(talk) == b""
        assert (await server.get("/"))[2] == b"fine"


@pytest.mark.parametrize("as_html", [False, True])
async def test_what_went_wrong_is_not_told_to_the_client(as_html: bool) -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        raise RuntimeError("password=secret")

    async with serving(handler, debug=False) as server:
        status, fields, body = await server.get("/", *(["Accept: text/html"] if as_html else []))
    assert status == 500
    assert ("html" in fields["content-type"]) is as_html
    assert b"secret" not in body
    assert fields["server"] == "trunkline"


@pytest.mark.parametrize("error", [ConnectionResetError("of somebody else"), asyncio.CancelledError(), ValueError()])
async def test_nothing_follows_an_answer_whose_body_failed(error: BaseException) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"part"
        raise error

    assert await answers(returning(lambda: web.Response(body=pieces()))) == [200, "cut"]


async def test_a_response_to_head_does_not_wait_for_the_body() -> None:
    async def without_end() -> AsyncIterator[bytes]:
        while True:
            yield b"more"
            await asyncio.sleep(0)

    assert await answers(returning(lambda: web.Response(body=without_end())), "HEAD") == [200, 299]


@pytest.mark.parametrize("version", ["1.1", "1.0"])
async def test_where_a_signal_fails_the_client_is_told_of_a_failure(
    version: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuse(request: web.Request, response: web.StreamResponse) -> None:
        raise web.HTTPForbidden

    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response()

    app = web.Application()
    app.on_response_prepare.append(refuse)
    app.router.add_get("/", handler)
    async with serving(app) as server:
        status, _, _ = await server.ask(f"GET / HTTP/{version}\r\nHost: a\r\n\r\n".encode())
    assert status == 500
    assert len(errors(caplog)) == 1


async def test_a_form_whose_files_cannot_be_closed_does_not_hold_the_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        file = (await request.post())["f"]
        assert isinstance(file, web.FileField)
        file.file.close()
        object.__setattr__(file, "file", None)
        return web.Response(text="fine")

    form = b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\nx\r\n--b--\r\n'
    head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: {}\r\n\r\n"
    async with serving(handler) as server, await server.talk() as talk:
        for _ in range(2):
            talk.send(head.format(len(form)).encode() + form)
            assert (await talk.response())[2] == b"fine"
    assert [line.partition(" of ")[0] for line in errors(caplog)] == ["could not close the files"] * 2
