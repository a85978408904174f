"""`streamer`: a function that writes a body, given to requests, forms and responses."""

from collections.abc import Awaitable, Callable, Generator
from typing import Any

import pytest

from tests.body.recording import written
from trunkline import ClientSession, FormData
from trunkline.abc import AbstractStreamWriter
from trunkline.body.payload import PayloadConsumed
from trunkline.body.registry import get_payload
from trunkline.body.streamer import streamer
from trunkline.testing.test_server import TestServer
from trunkline.web.app import Application
from trunkline.web.request import Request
from trunkline.web.response import Response


async def write_twice(writer: AbstractStreamWriter, text: str, again: str = "") -> None:
    await writer.write(text.encode())
    await writer.write(again.encode())


def deprecated(function: Callable[..., Any]) -> streamer:
    with pytest.warns(DeprecationWarning, match="@streamer is deprecated, use async generators instead") as warned:
        made = streamer(function)
    assert warned[0].filename == __file__
    return made


async def test_it_is_a_payload_of_unknown_size_once_it_has_its_arguments() -> None:
    payload = get_payload(deprecated(write_twice)("one", again="two"))
    assert payload.size is None
    assert payload.content_type == "application/octet-stream"
    with pytest.raises(TypeError, match="cannot be read here"):
        payload.decode()
    assert await written(payload) == b"onetwo"


async def test_without_arguments_of_its_own_the_decorated_function_is_one_itself() -> None:
    async def write(writer: AbstractStreamWriter) -> None:
        await writer.write(b"alone")

    assert await written(get_payload(deprecated(write))) == b"alone"


async def test_a_generator_function_is_taken_for_a_coroutine_function() -> None:
    def write(writer: AbstractStreamWriter) -> Generator[Any, None, None]:
        waiting: Awaitable[None] = writer.write(b"old style")
        yield from waiting.__await__()

    assert await written(get_payload(deprecated(write)())) == b"old style"


async def test_it_is_written_only_once() -> None:
    payload = get_payload(deprecated(write_twice)("x"))
    assert not payload.can_replay
    await written(payload)
    assert payload.consumed
    with pytest.raises(PayloadConsumed, match="cannot be sent again"):
        await written(payload)


async def test_requests_forms_and_responses_take_it() -> None:
    write = deprecated(write_twice)

    async def echo(request: Request) -> Response:
        if request.content_type == "multipart/form-data":
            file = (await request.post())["f"]
            assert not isinstance(file, (str, bytes))
            return Response(body=write("form ", file.file.read().decode()))
        return Response(body=write("got ", await request.text()))

    app = Application()
    app.router.add_post("/", echo)
    form = FormData()
    form.add_field("f", write("c"), filename="f")
    async with TestServer(app) as server, ClientSession() as session:
        for data, answer in ((write("a", "b"), "got ab"), (form, "form c")):
            async with session.post(server.make_url("/"), data=data) as response:
                assert await response.text() == answer
