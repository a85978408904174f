"""The limits of a session or a request hold for responses by HTTP/2 as they do by HTTP/1.1."""

import pytest

from tests.client.h2 import clear_session, read_all, stats_of
from tests.h2_server import Fields, H2Server, ServerStream
from trunkline import ClientResponseError

FIELDS: dict[str, Fields] = {
    "/long": [("x-long", "v" * 1000)],
    "/longer": [("x-long", "v" * 9000)],
    "/very-long": [("x-long", "v" * 100_000)],
    "/many": [("x-many", str(number)) for number in range(100)],
    "/more": [("x-many", str(number)) for number in range(400)],
    "/small": [],
}


async def serve(stream: ServerStream) -> None:
    stream.answer(fields=FIELDS[stream.path])


@pytest.mark.parametrize(
    ("path", "limits", "said"),
    [
        ("/long", {"max_field_size": 1007}, "max_field_size"),
        ("/longer", {}, "max_field_size"),
        ("/many", {"max_headers": 99}, "max_headers"),
        ("/more", {}, "max_headers"),
    ],
)
async def test_a_head_beyond_them_is_an_error_of_its_stream_alone(path: str, limits: dict[str, int], said: str) -> None:
    async with H2Server(serve) as server, clear_session() as session:
        with pytest.raises(ClientResponseError, match=said) as caught:
            await session.get(server.url(path), **limits)  # type: ignore[arg-type]  # those of the request
        assert caught.value.status == 400
        assert await read_all(session, server.url("/small")) == b"ok"
        assert stats_of(session).opened == 1


@pytest.mark.parametrize(
    ("path", "limits"),
    [
        ("/long", {"max_field_size": 1008}),
        ("/longer", {"max_field_size": 9008}),
        ("/very-long", {"max_field_size": 2**17}),
        ("/many", {"max_headers": 100}),
        ("/more", {"max_headers": 400}),
        ("/small", {"max_line_size": 1}),  # HTTP/2 has no status line
    ],
)
async def test_a_head_within_them_is_taken(path: str, limits: dict[str, int]) -> None:
    async with H2Server(serve) as server, clear_session() as session:
        response = await session.get(server.url(path), **limits)  # type: ignore[arg-type]  # as above
        assert await response.read() == b"ok"
        name = FIELDS[path][0][0] if FIELDS[path] else ""
        assert response.headers.getall(name, []) == [value for _, value in FIELDS[path]]
