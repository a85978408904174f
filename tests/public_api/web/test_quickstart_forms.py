"""The second half of the documentation's quickstart for servers: forms, uploads, WebSockets, redirects, exceptions."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from multidict import MultiDict
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedOK

import trunkline
from trunkline import web
from trunkline.test_utils import TestClient, TestServer

Client = TestClient[web.Request, web.Application]

LOGIN = {"login": "jane", "password": "p&ss=wörd"}


def client_of(*routes: web.AbstractRouteDef, client_max_size: int = 2**20) -> Client:
    app = web.Application(client_max_size=client_max_size)
    app.add_routes(routes)
    return TestClient(TestServer(app))


# Forms.


async def test_a_form_with_get_is_in_the_query() -> None:
    async def do_login(request: web.Request) -> web.Response:
        return web.json_response(dict(request.query))

    async with client_of(web.get("/login", do_login)) as client, client.get("/login", params=LOGIN) as response:
        assert await response.json() == LOGIN


@pytest.mark.parametrize("is_multipart", [False, True])
async def test_a_form_with_post_is_read_alike_in_either_encoding(is_multipart: bool) -> None:
    async def do_login(request: web.Request) -> web.Response:
        data = await request.post()
        return web.json_response([request.content_type, data["login"], data["password"]])

    form = trunkline.FormData(LOGIN, default_to_multipart=is_multipart)
    async with client_of(web.post("/login", do_login)) as client, client.post("/login", data=form) as response:
        encoding = "multipart/form-data" if is_multipart else "application/x-www-form-urlencoded"
        assert await response.json() == [encoding, LOGIN["login"], LOGIN["password"]]


async def test_a_form_can_be_read_twice_and_keeps_repeated_fields() -> None:
    async def handler(request: web.Request) -> web.Response:
        data = await request.post()
        assert await request.post() is data
        return web.json_response({name: data.getall(name) for name in data})

    form = MultiDict([("a", "1"), ("b", ""), ("a", "2")])
    async with client_of(web.post("/", handler)) as client, client.post("/", data=form) as response:
        assert await response.json() == {"a": ["1", "2"], "b": [""]}


async def post_and_count(request: web.Request) -> web.Response:
    return web.Response(text=str(len(await request.post())))


@pytest.mark.parametrize("is_multipart", [False, True])
@pytest.mark.parametrize(("count", "status"), [(1000, 200), (1001, 413)])
async def test_a_form_of_over_a_thousand_fields_is_too_large(is_multipart: bool, count: int, status: int) -> None:
    form = trunkline.FormData([(f"f{number}", "") for number in range(count)], default_to_multipart=is_multipart)
    async with client_of(web.post("/", post_and_count)) as client, client.post("/", data=form) as response:
        assert response.status == status


async def test_the_bound_on_fields_can_be_moved_and_taken_away() -> None:
    form = MultiDict([("a", "1"), ("b", "2"), ("c", "3")])
    for limit, status in ((2, 413), (3, 200), (0, 200)):
        app = web.Application(client_max_fields=limit)
        app.add_routes([web.post("/", post_and_count)])
        async with TestClient(TestServer(app)) as client, client.post("/", data=form) as response:
            assert response.status == status


@pytest.mark.parametrize("is_multipart", [False, True])
async def test_a_body_beyond_client_max_size_is_too_large(is_multipart: bool) -> None:
    async with client_of(web.post("/", post_and_count), client_max_size=1000) as client:
        for length, status in ((500, 200), (2000, 413)):
            form = trunkline.FormData({"a": "x" * length}, default_to_multipart=is_multipart)
            async with client.post("/", data=form) as response:
                assert response.status == status


async def test_the_handler_may_catch_what_is_too_large() -> None:
    async def handler(request: web.Request) -> web.Response:
        try:
            await request.post()
        except web.HTTPRequestEntityTooLarge as error:
            return web.Response(text=f"caught {error.status}")
        return web.Response()

    async with (
        client_of(web.post("/", handler), client_max_size=10) as client,
        client.post("/", data={"a": "x" * 100}) as response,
    ):
        assert await response.text() == "caught 413"


# Uploads.

SONG = bytes(range(256)) * 1000


def upload(**fields: str) -> trunkline.FormData:
    form = trunkline.FormData(fields, quote_fields=False)  # as browsers send names
    form.add_field("mp3", io.BytesIO(SONG), filename="sông.mp3", content_type="audio/mpeg")
    return form


async def test_an_upload_is_a_file_with_a_name_and_a_type() -> None:
    async def store(request: web.Request) -> web.Response:
        data = await request.post()
        mp3 = data["mp3"]
        assert isinstance(mp3, web.FileField)
        content = mp3.file.read()
        return web.Response(body=content, headers=MultiDict({"X-Name": mp3.name, "X-Type": mp3.content_type}))

    async with (
        client_of(web.post("/store/mp3", store)) as client,
        client.post("/store/mp3", data=upload()) as response,
    ):
        assert await response.read() == SONG
        assert response.headers["X-Name"] == "mp3"
        assert response.headers["X-Type"] == "audio/mpeg"


async def test_the_file_knows_its_filename_and_its_own_header_fields() -> None:
    async def store(request: web.Request) -> web.Response:
        mp3 = (await request.post())["mp3"]
        assert isinstance(mp3, web.FileField)
        return web.json_response([mp3.filename, mp3.headers["Content-Type"]])

    async with client_of(web.post("/", store)) as client, client.post("/", data=upload()) as response:
        assert await response.json() == ["sông.mp3", "audio/mpeg"]


async def test_a_large_upload_is_stored_piece_by_piece(tmp_path: Path) -> None:
    sizes: list[int] = []

    async def store(request: web.Request) -> web.Response:
        reader = await request.multipart()
        field = await reader.next()
        assert isinstance(field, trunkline.BodyPartReader)
        assert field.name == "name"
        name = (await field.read(decode=True)).decode()
        field = await reader.next()
        assert isinstance(field, trunkline.BodyPartReader)
        assert field.name == "mp3"
        assert field.filename is not None
        with open(tmp_path / Path(field.filename).name, "wb") as file:
            while chunk := await field.read_chunk():
                sizes.append(len(chunk))
                file.write(chunk)
        assert await reader.next() is None
        return web.Response(text=f"{field.filename} of {name} sized of {sum(sizes)} successfully stored")

    # The bound on bodies is for those that are read whole.
    async with (
        client_of(web.post("/", store), client_max_size=1000) as client,
        client.post("/", data=upload(name="Jane")) as response,
    ):
        assert await response.text() == f"sông.mp3 of Jane sized of {len(SONG)} successfully stored"
    assert max(sizes) <= 8192
    assert hashlib.sha256((tmp_path / "sông.mp3").read_bytes()).digest() == hashlib.sha256(SONG).digest()


# WebSockets.


async def answer_texts(request: web.Request) -> web.WebSocketResponse:
    ws = web.WebSocketResponse()
    await ws.prepare(request)
    async for msg in ws:
        if msg.type == trunkline.WSMsgType.TEXT:
            if msg.data == "close":
                await ws.close()
            else:
                await ws.send_str(msg.data + "/answer")
    return ws


async def test_a_websocket_answers_until_it_is_told_to_close() -> None:
    async with client_of(web.get("/ws", answer_texts)) as client:
        url = str(client.make_url("/ws").with_scheme("ws"))
        async with asyncio.timeout(10), connect(url, proxy=None) as websocket:
            for text in ("one", "två", ""):
                await websocket.send(text)
                assert await websocket.recv() == f"{text}/answer"
            await websocket.send("close")
            with pytest.raises(ConnectionClosedOK):
                await websocket.recv()
            assert websocket.close_code == 1000


async def test_the_loop_ends_when_the_client_closes_and_the_handler_goes_on() -> None:
    codes: asyncio.Queue[int | None] = asyncio.Queue()

    async def handler(request: web.Request) -> web.WebSocketResponse:
        ws = await answer_texts(request)
        assert ws.exception() is None
        codes.put_nowait(ws.close_code)
        return ws

    async with client_of(web.get("/ws", handler)) as client, asyncio.timeout(10):
        async with connect(str(client.make_url("/ws").with_scheme("ws")), proxy=None) as websocket:
            await websocket.close(4000)
        assert await codes.get() == 4000


async def test_a_plain_get_of_a_websocket_is_a_bad_request() -> None:
    async with client_of(web.get("/ws", answer_texts)) as client, client.get("/ws") as response:
        assert response.status == 400


# Redirects.


async def landed(request: web.Request) -> web.Response:
    return web.Response(text=f"landed on {request.path}")


async def by_path(request: web.Request) -> web.Response:
    raise web.HTTPFound("/login")


async def by_url(request: web.Request) -> web.Response:
    raise web.HTTPFound(request.url.with_path("/login"))


async def by_name(request: web.Request) -> web.Response:
    raise web.HTTPFound(location=request.app.router["login"].url_for())


@pytest.mark.parametrize("redirect", [by_path, by_url, by_name])
async def test_a_redirect_is_raised_with_a_path_a_url_or_what_a_named_route_builds(
    redirect: Callable[[web.Request], Awaitable[web.Response]],
) -> None:
    async with client_of(web.get("/handler", redirect), web.get("/login", landed, name="login")) as client:
        async with client.get("/handler") as response:
            assert await response.text() == "landed on /login"
            assert [(hop.status, hop.reason) for hop in response.history] == [(302, "Found")]
        async with client.get("/handler", allow_redirects=False) as response:
            location = response.headers["Location"]
            assert location == (str(client.make_url("/login")) if redirect is by_url else "/login")


async def test_a_login_that_is_valid_leads_to_the_index() -> None:
    async def login(request: web.Request) -> web.Response:
        if request.method == "POST":
            form = await request.post()
            if form["password"] == LOGIN["password"]:
                raise web.HTTPFound(location=request.app.router["index"].url_for())
            return web.Response(text="wrong")
        return web.Response(text="who are you?")

    routes = [
        web.get("/", landed, name="index"),
        web.get("/login", login, name="login"),
        web.post("/login", login),
    ]
    async with client_of(*routes) as client:
        assert await (await client.get("/login")).text() == "who are you?"
        assert await (await client.post("/login", data={**LOGIN, "password": ""})).text() == "wrong"
        response = await client.post("/login", data=LOGIN)
        assert (response.method, await response.text()) == ("GET", "landed on /")
