"""The chain of middlewares, around a handler that is made by hand."""

from typing import Any

import pytest
from yarl import URL

from trunkline.client.middlewares import ClientHandlerType, ClientMiddlewareType, build_handler
from trunkline.client.request import ClientRequest
from trunkline.client.response import ClientResponse


def answer(status: int) -> ClientResponse:
    response = ClientResponse("GET", URL("http://test/"))
    response.status = status
    return response


def noting(name: str, notes: list[str]) -> ClientMiddlewareType:
    async def middleware(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        notes.append(f"> {name}")
        response = await handler(request)
        notes.append(f"{name} {response.status}")
        return response

    return middleware


async def sent(request: ClientRequest) -> ClientResponse:
    return answer(200)


REQUEST = ClientRequest("GET", URL("http://test/"))


async def test_the_first_middleware_is_the_outermost() -> None:
    notes: list[str] = []
    handler = build_handler(sent, [noting("1", notes), noting("2", notes)])
    assert (await handler(REQUEST)).status == 200
    assert notes == ["> 1", "> 2", "2 200", "1 200"]


async def test_without_middlewares_the_handler_stays_what_it_is() -> None:
    assert build_handler(sent, ()) is sent


async def test_a_middleware_may_have_any_names_for_its_arguments() -> None:
    class Callable:
        async def __call__(self, a: ClientRequest, b: ClientHandlerType, *rest: Any) -> ClientResponse:
            assert rest == ()
            return await b(a)

    def plain(a: ClientRequest, b: ClientHandlerType) -> Any:  # Any: the coroutine that the handler makes
        return b(a)

    assert (await build_handler(sent, [Callable(), plain])(REQUEST)).status == 200


async def test_a_handler_may_be_called_any_number_of_times() -> None:
    statuses = [503, 503, 200]

    async def failing(request: ClientRequest) -> ClientResponse:
        return answer(statuses.pop(0))

    async def retry(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        for _ in range(5):
            response = await handler(request)
            if response.ok:
                break
        return response

    async def never(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        return answer(418)

    notes: list[str] = []
    assert (await build_handler(failing, [retry, noting("each", notes)])(REQUEST)).status == 200
    assert notes == ["> each", "each 503"] * 2 + ["> each", "each 200"]
    assert (await build_handler(failing, [never])(REQUEST)).status == 418


async def test_an_error_goes_through_all_that_are_around() -> None:
    caught: list[str] = []

    async def catching(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        try:
            return await handler(request)
        except ZeroDivisionError as error:
            caught.append(str(error))
            raise

    async def broken(request: ClientRequest) -> ClientResponse:
        raise ZeroDivisionError("here")

    with pytest.raises(ZeroDivisionError):
        await build_handler(broken, [catching, catching])(REQUEST)
    assert caught == ["here", "here"]
