"""The documentation's page on multipart, from the side of the server: reading uploads of any shape, sending parts."""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import trunkline
from trunkline import web
from trunkline.test_utils import TestClient, TestServer

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Part = trunkline.MultipartReader | trunkline.BodyPartReader | None


def client_of(handler: Handler, client_max_size: int = 2**20) -> TestClient[web.Request, web.Application]:
    app = web.Application(client_max_size=client_max_size)
    app.router.add_route("*", "/", handler)
    return TestClient(TestServer(app))


def simple(part: Part) -> trunkline.BodyPartReader:
    assert isinstance(part, trunkline.BodyPartReader)
    return part


def nested(part: Part) -> trunkline.MultipartReader:
    assert isinstance(part, trunkline.MultipartReader)
    return part


async def answer_to(
    handler: Handler,
    writer: trunkline.MultipartWriter,
    **kwargs: Any,  # Any: as for client_of
) -> Any:  # Any: what JSON holds is not known
    async with client_of(handler, **kwargs) as client, client.post("/", data=writer) as response:
        assert response.status == 200
        return await response.json()


async def test_the_loop_takes_what_it_wants_and_skips_the_rest() -> None:
    async def handler(request: web.Request) -> web.Response:
        metadata: object = None
        filedata = b""
        reader = await request.multipart()
        while True:
            part = await reader.next()
            if part is None:
                break
            if part.headers[trunkline.hdrs.CONTENT_TYPE] == "application/json":
                metadata = await simple(part).json()
                continue
            if simple(part).filename != "secret.txt":
                continue
            filedata = simple(part).decode(await simple(part).read(decode=False))
        return web.json_response([metadata, filedata.decode()])

    with trunkline.MultipartWriter("mixed") as writer:
        writer.append_json({"test": "passed"})
        for name in ("other.txt", "secret.txt", "third.txt"):
            part = writer.append(io.BytesIO(f"{name} ".encode() * 10_000), {"Content-Type": "text/plain"})
            part.set_content_disposition("attachment", filename=name)
            part.headers[trunkline.hdrs.CONTENT_ENCODING] = "gzip"
    assert await answer_to(handler, writer) == [{"test": "passed"}, "secret.txt " * 10_000]


@pytest.mark.parametrize("encoding", ["", "gzip", "deflate", "identity"])
@pytest.mark.parametrize("transfer", ["", "base64", "quoted-printable", "binary"])
async def test_text_json_and_form_are_decoded_whatever_their_encodings(encoding: str, transfer: str) -> None:
    async def handler(request: web.Request) -> web.Response:
        reader = await request.multipart()
        return web.json_response(
            [
                await simple(await reader.next()).text(),
                await simple(await reader.next()).json(),
                await simple(await reader.next()).form(),
                (await simple(await reader.next()).read(decode=True)).decode("latin-1"),
            ]
        )

    with trunkline.MultipartWriter("mixed") as writer:
        parts = [
            writer.append("text = ö"),
            writer.append_json({"test": "passed"}),
            writer.append_form([("key", "value")]),
            writer.append(b"\0\xff=binary"),
        ]
        for part in parts:
            if encoding:
                part.headers[trunkline.hdrs.CONTENT_ENCODING] = encoding
            if transfer:
                part.headers[trunkline.hdrs.CONTENT_TRANSFER_ENCODING] = transfer
    told = await answer_to(handler, writer)
    assert told == ["text = ö", {"test": "passed"}, [["key", "value"]], "\0\xff=binary"]


async def test_parts_may_be_multipart_themselves_at_several_levels() -> None:
    async def handler(request: web.Request) -> web.Response:
        async def tree(reader: trunkline.MultipartReader) -> list[object]:
            found: list[object] = []
            while (part := await reader.next()) is not None:
                if isinstance(part, trunkline.MultipartReader):
                    found.append(await tree(part))
                else:
                    found.append(await part.text())
            return found

        return web.json_response(await tree(await request.multipart()))

    with trunkline.MultipartWriter("mixed") as writer:
        writer.append("a")
        with trunkline.MultipartWriter("related") as inner:
            inner.append("b")
            with trunkline.MultipartWriter("related") as innermost:
                innermost.append("c")
                innermost.append("d")
            inner.append(innermost)
        writer.append(inner)
        writer.append("e")
    assert await answer_to(handler, writer) == ["a", ["b", ["c", "d"]], "e"]


async def test_a_nested_reader_that_is_left_early_is_skipped_to_its_end() -> None:
    async def handler(request: web.Request) -> web.Response:
        reader = await request.multipart()
        first = await simple(await nested(await reader.next()).next()).text()
        second = await simple(await reader.next()).text()
        assert await reader.next() is None
        return web.json_response([first, second])

    with trunkline.MultipartWriter("mixed") as writer:
        with trunkline.MultipartWriter("related") as inner:
            for text in ("read", "x" * 100_000, "never read"):
                inner.append(text)
        writer.append(inner)
        writer.append("behind it")
    assert await answer_to(handler, writer) == ["read", "behind it"]


async def test_parts_can_be_iterated_over() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.json_response([await simple(part).text() async for part in await request.multipart()])

    with trunkline.MultipartWriter("mixed") as writer:
        writer.append("one")
        writer.append("two")
    assert await answer_to(handler, writer) == ["one", "two"]


@pytest.mark.parametrize("how", ["read", "text", "json", "form"])
async def test_a_part_that_is_read_whole_is_bounded_as_a_body_is(how: str) -> None:
    async def handler(request: web.Request) -> web.Response:
        part = simple(await (await request.multipart()).next())
        return web.json_response(len(str(await getattr(part, how)())))

    form = trunkline.FormData({"field": f'"{"1" * 4998}"'}, default_to_multipart=True)
    for limit, status in ((1000, 413), (5000, 200), (0, 200)):
        async with client_of(handler, limit) as client, client.post("/", data=form()) as response:
            assert response.status == status


async def test_pictures_are_streamed_one_after_the_other_in_parts() -> None:
    boundary = "some-boundary"
    frames = [b"\xff\xd8 first", b"\xff\xd8 second", b"\xff\xd8 third"]

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(
            status=200,
            reason="OK",
            headers={"Content-Type": f"multipart/x-mixed-replace;boundary={boundary}"},
        )
        await response.prepare(request)
        for frame in frames:
            with trunkline.MultipartWriter("image/jpeg", boundary=boundary) as writer:
                writer.append(frame, {"Content-Type": "image/jpeg"})
                # Only its write() is called.
                await writer.write(response, close_boundary=False)  # type: ignore[arg-type]
            await response.drain()
        return response

    async with client_of(handler) as client, client.get("/") as response:
        assert response.headers["Content-Type"] == "multipart/x-mixed-replace;boundary=some-boundary"
        pieces = (await response.read()).split(b"--some-boundary\r\n")
    assert pieces[0] == b""
    for piece, frame in zip(pieces[1:], frames, strict=True):
        fields, _, content = piece.partition(b"\r\n\r\n")
        assert b"content-type: image/jpeg" in fields.lower()
        assert content == frame + b"\r\n"


async def test_a_whole_multipart_is_a_response_s_body() -> None:
    async def handler(request: web.Request) -> web.Response:
        with trunkline.MultipartWriter("mixed") as writer:
            writer.append("text")
            writer.append_json({"a": 1})
        return web.Response(body=writer)

    async with client_of(handler) as client, client.get("/") as response:
        reader = trunkline.MultipartReader.from_response(response)
        assert response.content_type == "multipart/mixed"
        assert await simple(await reader.next()).text() == "text"
        assert await simple(await reader.next()).json() == {"a": 1}
        assert await reader.next() is None
