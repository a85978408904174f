import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from tests.client.recording import Recording
from tests.raw_server import RawServer, replying
from trunkline import ClientSession
from trunkline.client.context import RequestContext

HELD = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nthe first part"


async def test_a_request_is_awaited_or_entered_and_the_response_may_be_entered_too() -> None:
    async with Recording() as server, ClientSession() as session:
        assert (await session.get(server.url("/"))).status == 200
        async with session.get(server.url("/")) as response:
            assert response.status == 200
        response = await session.get(server.url("/"))
        async with response as entered:
            assert entered is response
            assert await entered.text() == "ok"


async def test_a_request_is_a_coroutine_and_may_become_a_task() -> None:
    async with Recording() as server, ClientSession() as session:
        request = session.get(server.url("/"))
        assert isinstance(request, Coroutine)
        assert asyncio.iscoroutine(request)
        assert (await asyncio.create_task(request)).status == 200
        responses = await asyncio.gather(*(session.get(server.url("/")) for _ in range(3)))
        assert [response.status for response in responses] == [200] * 3
        assert (await asyncio.wait_for(session.get(server.url("/")), 5)).status == 200


async def test_a_request_that_is_closed_instead_of_sent_sends_nothing() -> None:
    async with Recording() as server, ClientSession() as session:
        session.get(server.url("/")).close()
    assert not server.requests


async def test_an_error_in_the_block_comes_out_and_the_response_is_released() -> None:
    async with RawServer(replying(HELD)) as server, ClientSession() as session:
        with pytest.raises(ZeroDivisionError):
            async with session.get(server.url()) as response:
                raise ZeroDivisionError
        assert response.closed
        await server.wait_all_closed()


async def test_a_double_of_a_response_needs_no_more_than_to_be_released() -> None:
    left: list[str] = []

    class Double:
        def release(self) -> None:
            left.append("released")

        async def wait_for_close(self) -> None:
            left.append("waited")

    async def request() -> Any:  # Any: no response, which is the point
        return Double()

    async with RequestContext(request()):
        assert left == []
    assert left == ["released", "waited"]
