"""aiohttp-retry: retries by status, exception and callback, lists of URLs, traces, and a session of one's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace

import aiohttp
from aiohttp import web
from aiohttp_retry import ExponentialRetry, FibonacciRetry, ListRetry, RetryClient
from aiohttp_retry.client import RequestParams
from checks import Checks, serving

check = Checks()
FAST = [0.01] * 5


class Api:
    """Fails `failures` times with `status`, then answers with what was asked."""

    def __init__(self, failures: int, status: int = 503) -> None:
        self.failures = failures
        self.status = status
        self.asked: list[str] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(f"{request.method} {request.path}")
        if self.failures:
            self.failures -= 1
            return web.Response(status=self.status)
        return web.json_response({"method": request.method, "body": await request.text()})


@asynccontextmanager
async def api(failures: int, status: int = 503) -> AsyncIterator[tuple[Api, str]]:
    app = Api(failures, status)
    async with serving(web.route("*", "/{path:.*}", app.answer)) as server:
        yield app, str(server.make_url("/"))


@check
async def server_errors_are_retried() -> None:
    async with api(2) as (app, url), RetryClient(retry_options=ListRetry(FAST)) as client:
        async with client.get(url + "a") as response:
            assert response.status == 200, response.status
            assert (await response.json())["method"] == "GET"
        assert app.asked == ["GET /a"] * 3, app.asked


@check
async def attempts_end() -> None:
    options = ExponentialRetry(attempts=3, start_timeout=0.01)
    async with api(9) as (app, url), RetryClient(retry_options=options) as client:
        async with client.get(url) as response:
            assert response.status == 503
        assert len(app.asked) == 3


@check
async def chosen_statuses_are_retried() -> None:
    options = FibonacciRetry(multiplier=0.01, statuses={404})
    async with api(1, 404) as (app, url), RetryClient(retry_options=options) as client:
        async with client.get(url) as response:
            assert response.status == 200
        assert len(app.asked) == 2


@check
async def a_body_is_sent_again() -> None:
    async with api(1) as (_, url), RetryClient(retry_options=ListRetry(FAST)) as client:
        response = await client.post(url, json={"n": 1})
        assert (await response.json())["body"] == '{"n": 1}'


@check
async def every_method_is_there() -> None:
    async with api(0) as (app, url), RetryClient(retry_options=ListRetry(FAST)) as client:
        for method in ("get", "options", "head", "post", "put", "patch", "delete"):
            async with getattr(client, method)(url) as response:
                assert response.status == 200
        async with client.request("GET", url):
            pass
    assert len(app.asked) == 8


@check
async def urls_change_between_attempts() -> None:
    async with api(2) as (app, url), RetryClient(retry_options=ListRetry(FAST)) as client:
        async with client.get([url + "1", url + "2", url + "3"]) as response:
            assert response.url.path == "/3"
        assert app.asked == ["GET /1", "GET /2", "GET /3"]


@check
async def parameters_change_between_attempts() -> None:
    wanted = [RequestParams("GET", "", headers={}), RequestParams("POST", "", kwargs={"data": b"x"})]
    async with api(1) as (app, url), RetryClient(retry_options=ListRetry(FAST)) as client:
        for params in wanted:
            params.url = url
        async with client.requests(wanted) as response:
            assert (await response.json())["body"] == "x"
        assert app.asked == ["GET /", "POST /"]


@check
async def a_refused_connection_is_retried_then_raised() -> None:
    options = ListRetry(FAST[:2], exceptions={aiohttp.ClientConnectionError})
    async with RetryClient(retry_options=options) as client:
        try:
            await client.get("http://127.0.0.1:1/")
        except aiohttp.ClientConnectorError as error:
            assert error.host == "127.0.0.1"
        else:
            raise AssertionError("no error")


@check
async def raise_for_status_raises_after_the_last() -> None:
    async with api(9) as (app, url), RetryClient(retry_options=ListRetry(FAST[:2]), raise_for_status=True) as client:
        try:
            await client.get(url)
        except aiohttp.ClientResponseError as error:
            assert error.status == 503
        assert len(app.asked) == 2


@check
async def a_callback_judges_the_response() -> None:
    async def is_done(response: aiohttp.ClientResponse) -> bool:
        return bool((await response.json())["method"] == "never")

    options = ListRetry(FAST[:3], evaluate_response_callback=is_done)
    async with api(0) as (app, url), RetryClient(retry_options=options) as client:
        async with client.get(url) as response:
            assert response.status == 200
        assert len(app.asked) == 3


@check
async def a_session_with_a_base_url_and_traces_is_used() -> None:
    attempts: list[int] = []

    async def on_start(_: aiohttp.ClientSession, context: SimpleNamespace, __: aiohttp.TraceRequestStartParams) -> None:
        attempts.append(context.trace_request_ctx["current_attempt"])

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(on_start)
    async with api(2) as (_, url), aiohttp.ClientSession(url, trace_configs=[trace]) as session:
        client = RetryClient(client_session=session, retry_options=ListRetry(FAST))
        async with client.get("/x") as response:
            assert response.status == 200
    assert attempts == [1, 2, 3], attempts


@check
async def awaiting_gives_the_response_too() -> None:
    async with api(0) as (_, url), RetryClient(headers={"X": "1"}) as client:
        response = await client.get(url, params={"a": "b"})
        assert response.url.query["a"] == "b"
        assert response.request_info.headers["X"] == "1"
        response.release()


check.run()
