"""Client Advanced, "Client Middleware", and what the reference says of `ClientRequest` and of `middlewares=`."""

import io
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from tests.public_api.client.httpbin import HttpBin
from trunkline import (
    BytesPayload,
    ClientConnectorError,
    ClientHandlerType,
    ClientMiddlewareType,
    ClientPayloadError,
    ClientRequest,
    ClientResponse,
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    FormData,
    HttpVersion11,
    TCPConnector,
)


def noting(name: str, notes: list[str]) -> ClientMiddlewareType:
    async def middleware(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        notes.append(f"enter {name} {request.url.path}")
        response = await handler(request)
        notes.append(f"exit {name} {response.status}")
        return response

    return middleware


async def send(bin_: HttpBin, *middlewares: ClientMiddlewareType, method: str = "GET", **options: Any) -> None:
    async with (
        ClientSession(middlewares=middlewares) as session,
        session.request(method, f"{bin_.url}/anything", **options) as response,
    ):
        assert response.status == 200


# "Creating a middleware", "Using Middlewares"


async def test_a_middleware_sets_a_field_that_is_sent(bin: HttpBin) -> None:
    async def auth_middleware(req: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        req.headers["Authorization"] = "Bearer token"
        return await handler(req)

    await send(bin, auth_middleware)
    assert bin.last.headers["Authorization"] == "Bearer token"


async def test_a_callable_class_is_a_middleware_too(bin: HttpBin) -> None:
    class Counting:
        count = 0

        async def __call__(self, req: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
            self.count += 1
            return await handler(req)

    counting = Counting()
    await send(bin, counting)
    assert counting.count == 1


async def test_middlewares_of_a_request_replace_those_of_the_session(bin: HttpBin) -> None:
    notes: list[str] = []
    async with ClientSession(middlewares=[noting("session", notes)]) as session:
        for given in ({}, {"middlewares": None}, {"middlewares": ()}, {"middlewares": (noting("request", notes),)}):
            async with session.get(f"{bin.url}/{len(notes)}", **given):
                pass
    assert [note for note in notes if "enter" in note] == ["enter session /0", "enter session /2", "enter request /4"]


async def test_they_are_used_for_one_request_of_a_session_without_any(session: ClientSession, bin: HttpBin) -> None:
    notes: list[str] = []
    for middlewares in ((noting("once", notes),), None):
        async with session.get(bin.url, middlewares=middlewares):
            pass
    assert notes == ["enter once /", "exit once 200"]


# "Middleware Chaining"


async def test_the_order_is_that_of_an_onion(bin: HttpBin) -> None:
    notes: list[str] = []
    await send(bin, noting("1", notes), noting("2", notes))
    assert notes == ["enter 1 /anything", "enter 2 /anything", "exit 2 200", "exit 1 200"]


async def test_every_hop_of_a_redirect_goes_through_all_of_them(bin: HttpBin) -> None:
    notes: list[str] = []
    async with (
        ClientSession(middlewares=[noting("mw", notes)]) as session,
        session.get(f"{bin.url}/redirect?to=/get") as response,
    ):
        assert [each.status for each in response.history] == [302]
    assert notes == ["enter mw /redirect", "exit mw 302", "enter mw /get", "exit mw 200"]


@pytest.mark.parametrize(("is_retry_first", "logged"), [(True, 3), (False, 1)])
async def test_a_retry_repeats_what_is_inside_of_it(is_retry_first: bool, logged: int, bin: HttpBin) -> None:
    async def retry(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        for _ in range(3):
            response = await handler(request)
            response.release()
        return response

    notes: list[str] = []
    logging = noting("log", notes)
    middlewares = (retry, logging) if is_retry_first else (logging, retry)
    await send(bin, *middlewares, method="POST", data=b"body")
    assert [seen.body for seen in bin.seen] == [b"body"] * 3
    assert len(notes) == 2 * logged


# What a middleware may do besides.


async def test_it_answers_without_the_handler(bin: HttpBin) -> None:
    kept: dict[URL, ClientResponse] = {}

    async def cache(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        if request.url not in kept:
            kept[request.url] = await handler(request)
            await kept[request.url].read()
        return kept[request.url]

    async with ClientSession(middlewares=[cache]) as session:
        for _ in range(3):
            async with session.get(f"{bin.url}/get") as response:
                assert (await response.json())["path"] == "/get"
    assert len(bin.seen) == 1


async def test_what_it_raises_is_the_users(bin: HttpBin) -> None:
    class Blocked(Exception):
        pass

    async def block(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        raise Blocked(request.url.host)

    async with ClientSession(middlewares=[block]) as session:
        with pytest.raises(Blocked, match=r"127\.0\.0\.1"):
            await session.get(bin.url)
    assert bin.seen == []


async def test_it_sees_the_errors_of_the_request_and_may_try_again(bin: HttpBin, unused_tcp_port: int) -> None:
    async def fall_back(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        try:
            return await handler(request)
        except ClientConnectorError:
            response: ClientResponse = await request.session.get(f"{bin.url}/fallback", middlewares=())
            return response

    async with (
        ClientSession(middlewares=[fall_back]) as session,
        session.get(f"http://127.0.0.1:{unused_tcp_port}/") as response,
    ):
        assert response.url.path == "/fallback"


async def test_it_uses_the_session_for_another_request(bin: HttpBin) -> None:
    async def refresh(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        async with request.session.post(f"{bin.url}/token", middlewares=()) as response:
            request.headers["X-Token"] = (await response.json())["method"]
        return await handler(request)

    await send(bin, refresh)
    assert [seen.path for seen in bin.seen] == ["/token", "/anything"]
    assert bin.last.headers["X-Token"] == "POST"


async def test_a_status_is_checked_once_the_middlewares_are_done(bin: HttpBin) -> None:
    statuses: list[int] = []

    async def look(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        response = await handler(request)
        statuses.append(response.status)
        return response

    async with ClientSession(middlewares=[look], raise_for_status=True) as session:
        with pytest.raises(ClientResponseError):
            await session.get(f"{bin.url}/status/500")
    assert statuses == [500]


async def test_the_total_timeout_holds_for_a_middleware_too(bin: HttpBin) -> None:
    async def slow(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        async with request.session.get(f"{bin.url}/slow", middlewares=()) as response:
            await response.read()
        return await handler(request)

    async with ClientSession(middlewares=[slow]) as session:
        with pytest.raises(TimeoutError):
            await session.get(bin.url, timeout=ClientTimeout(total=0.1))


async def test_a_body_that_is_gone_cannot_be_retried(bin: HttpBin) -> None:
    async def twice(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        (await handler(request)).release()
        return await handler(request)

    async def chunks() -> AsyncIterator[bytes]:
        yield b"once"

    async with ClientSession(middlewares=[twice]) as session:
        with pytest.raises(ClientPayloadError, match="can be read only once"):
            await session.post(bin.url, data=chunks())
    assert [seen.body for seen in bin.seen] == [b"once"]


# The reference's `ClientRequest`


async def test_the_attributes_of_a_request(bin: HttpBin) -> None:
    url = f"{bin.url}/path?a=b#fragment"

    async def look(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        assert isinstance(request.body, BytesPayload)
        assert request.chunked is None
        assert request.compress is None
        assert request.headers["x-Given"] == "1"
        assert request.is_ssl() is False
        assert request.method == "POST"
        assert request.original_url == URL(url)
        assert request.proxy is None
        assert request.proxy_headers is None
        assert request.response_class is ClientResponse
        assert request.server_hostname is None
        assert request.session is session
        assert request.ssl is True
        assert request.url == URL(url).with_fragment(None)
        assert request.version == HttpVersion11
        return await handler(request)

    async with ClientSession(middlewares=[look]) as session:
        async with session.post(url, data=b"body", headers={"X-Given": "1"}):
            pass
        async with session.get(url, middlewares=[without_body]):
            pass


async def without_body(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    assert request.body == b""
    return await handler(request)


async def test_chunked_and_compress_are_as_they_were_asked_for(bin: HttpBin) -> None:
    seen: list[tuple[object, object]] = []

    async def look(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        seen.append((request.chunked, request.compress))
        return await handler(request)

    await send(bin, look, method="POST", data=b"body", chunked=True)
    await send(bin, look, method="POST", data=b"body", compress="gzip")
    assert seen == [(True, None), (True, "gzip")]
    assert bin.seen[-1].headers["Content-Encoding"] == "gzip"


def form_data() -> FormData:
    form = FormData()
    form.add_field("auth_token", "secret123")
    return form


async def generated() -> AsyncIterator[bytes]:
    yield b"generated"


BODIES: list[tuple[Callable[[], Any], bytes, str | None]] = [
    (lambda: b'{"modified": true}', b'{"modified": true}', "18"),
    (lambda: bytearray(b"mutable"), b"mutable", "7"),
    (lambda: "text", b"text", "4"),
    (form_data, b"auth_token=secret123", "20"),
    (lambda: BytesPayload(b"payload"), b"payload", "7"),
    (generated, b"generated", None),
    (lambda: io.BytesIO(b"a file"), b"a file", "6"),
    (lambda: None, b"", "0"),
]


@pytest.mark.parametrize(("make", "body", "length"), BODIES)
@pytest.mark.parametrize("before", [b"the old body", None])
async def test_update_body_replaces_the_body_by_any_other(
    before: bytes | None, make: Callable[[], Any], body: bytes, length: str | None, bin: HttpBin
) -> None:
    async def replace(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        await request.update_body(make())
        return await handler(request)

    await send(bin, replace, method="POST", data=before)
    assert bin.last.body == body
    assert bin.last.headers.get("Content-Length") == length


async def test_update_body_closes_the_old_one(bin: HttpBin, tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"old")
    file = (tmp_path / "old").open("rb")

    async def replace(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        await request.update_body(b"new")
        return await handler(request)

    await send(bin, replace, method="PUT", data=file)
    assert file.closed
    assert bin.last.body == b"new"


async def test_middlewares_and_their_errors_leave_no_connection_behind(bin: HttpBin) -> None:
    async def give_up(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        response = await handler(request)
        response.release()
        raise ValueError("not good enough")

    async with ClientSession(connector=TCPConnector(limit=1), middlewares=[give_up]) as session:
        for _ in range(3):
            with pytest.raises(ValueError, match="not good enough"):
                await session.get(bin.url)
        async with session.get(bin.url, middlewares=()) as response:
            assert response.status == 200
