"""aiohttp-sse-client: events, ids, retry, reconnection and refusals of a server-sent event source."""

from __future__ import annotations

from datetime import timedelta

import aiohttp
from aiohttp import web
from aiohttp_sse_client.client import EventSource
from checks import Checks, serving

check = Checks()
SOON = timedelta(milliseconds=10)


async def events(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    await response.write(b": a comment\n\nid: 1\nevent: greeting\ndata: one\ndata: two\n\n")
    await response.write("data: \u00fcml".encode() + b"aut\r\n")
    await response.write(b"\r\nretry: 10\n\n")
    return response


async def once_then_nothing(request: web.Request) -> web.StreamResponse:
    if request.headers.get("Last-Event-Id"):
        return web.Response(status=204)
    return web.Response(body=b"id: 7\ndata: x\n\n", content_type="text/event-stream")


@check
async def events_have_type_data_and_id() -> None:
    async with serving(web.get("/", events)) as server, EventSource(str(server.make_url("/"))) as source:
        first, second = await anext(source), await anext(source)
        assert first.origin == str(server.make_url("/").origin()), first.origin
    assert (first.type, first.data, first.last_event_id) == ("greeting", "one\ntwo", "1"), first
    assert second.data == "\u00fcmlaut"


@check
async def the_source_reconnects_with_the_last_id() -> None:
    errors: list[str] = []
    async with serving(web.get("/", once_then_nothing)) as server:
        try:
            url = str(server.make_url("/"))
            async with EventSource(url, reconnection_time=SOON, on_error=lambda: errors.append("")) as source:
                found = [event.data async for event in source]
        except ConnectionAbortedError as error:
            assert "204" in str(error)
        else:
            raise AssertionError(found)
    assert errors


@check
async def a_status_of_failure_is_refused() -> None:
    async with serving() as server:
        try:
            async with EventSource(str(server.make_url("/none"))):
                pass
        except ConnectionError as error:
            assert "404" in str(error)
        else:
            raise AssertionError("connected")


@check
async def another_content_type_is_refused() -> None:
    async def text(_: web.Request) -> web.Response:
        return web.Response(text="data: x\n\n")

    async with serving(web.get("/", text)) as server:
        try:
            async with EventSource(str(server.make_url("/"))):
                pass
        except ConnectionAbortedError as error:
            assert "text/plain" in str(error)
        else:
            raise AssertionError("connected")


@check
async def a_refused_connection_is_tried_again() -> None:
    errors: list[str] = []
    try:
        async with EventSource(
            "http://127.0.0.1:1/", reconnection_time=SOON, max_connect_retry=2, on_error=lambda: errors.append("")
        ):
            pass
    except aiohttp.ClientConnectionError:
        assert len(errors) == 3, errors
    else:
        raise AssertionError("connected")


@check
async def a_session_of_ones_own_and_post_are_used() -> None:
    async def echo(request: web.Request) -> web.Response:
        line = f"data: {request.headers['Accept']} {await request.text()}\n\n"
        return web.Response(text=line, content_type="text/event-stream")

    async with serving(web.post("/", echo)) as server, aiohttp.ClientSession() as session:
        url = str(server.make_url("/"))
        async with EventSource(url, option={"method": "POST"}, session=session, data="body") as source:
            assert (await anext(source)).data == "text/event-stream body"
        assert not session.closed


check.run()
