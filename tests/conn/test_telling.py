import asyncio

import pytest

from trunkline.conn.errors import DeadlineExpired
from trunkline.conn.exchange import Exchange, ExchangeRules
from trunkline.conn.telling import tell
from trunkline.wire.message import RequestHead, Target


@pytest.fixture
def exchange() -> Exchange:
    return Exchange(RequestHead("GET", Target("http", "test", "/"), ()), ExchangeRules(), lambda exchange, error: error)


async def for_ever() -> None:
    await asyncio.get_running_loop().create_future()


async def test_an_exchange_that_fails_ends_the_callback_with_its_error(exchange: Exchange) -> None:
    error = DeadlineExpired("waiting", 1, 1)
    telling = asyncio.create_task(tell(exchange, for_ever()))
    await asyncio.sleep(0)
    exchange.fail(error)
    with pytest.raises(DeadlineExpired) as caught:
        await telling
    assert caught.value is error
    assert exchange.interrupt is None


@pytest.mark.parametrize("error", [KeyError("mine"), TimeoutError("mine")])
async def test_what_a_callback_raises_comes_out_as_it_is(exchange: Exchange, error: Exception) -> None:
    async def raising() -> None:
        raise error

    with pytest.raises(type(error), match="mine"):
        await tell(exchange, raising())
    assert exchange.interrupt is None


async def test_cancelling_cancels_the_callback(exchange: Exchange) -> None:
    telling = asyncio.create_task(tell(exchange, for_ever()))
    await asyncio.sleep(0)
    telling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await telling
    assert exchange.interrupt is None
