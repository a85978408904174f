"""Who opens a connection that others share, and who waits for it, with connections that are made up."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.waiting import until
from trunkline.conn.client_connection import ClientConnection
from trunkline.conn.client_h1 import ClientH1
from trunkline.conn.exchange import Exchange
from trunkline.conn.key import ConnectionKey
from trunkline.pool.sharing import SharedConnections

KEY = ConnectionKey("a", 443, True, True)
NEW, REPEATED = (cast(Exchange, SimpleNamespace(misses=misses)) for misses in (0, 1))


class FakeShared:
    """A connection with `room` lanes."""

    def __init__(self, room: int = 100) -> None:
        self.room = room
        self.lanes = 0
        self.wants_h1 = False
        self.allows_connect = False
        self.is_closed = False
        self.on_lost: Callable[[], None] | None = None

    @property
    def takes_lanes(self) -> bool:
        return self.lanes < self.room

    def new_lane(self) -> ClientConnection:
        self.lanes += 1
        return cast(ClientConnection, self)


class Opener:
    """Opens what the test has put into `answers`, in turn, when it is let."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.offers: list[bool] = []
        self.gate = asyncio.Event()

    async def open(self, key: ConnectionKey, exchange: Exchange, offers_h2: bool) -> Any:
        self.offers.append(offers_h2)
        await self.gate.wait()
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def sharing(opener: Opener) -> SharedConnections:
    return SharedConnections(asyncio.get_running_loop(), opener.open)


def start(shared: SharedConnections, count: int) -> list["asyncio.Task[Any]"]:
    return [asyncio.create_task(shared.open(KEY, NEW)) for _ in range(count)]


async def test_those_who_come_meanwhile_wait_and_share() -> None:
    connection = FakeShared()
    opener = Opener(connection)
    shared = sharing(opener)
    tasks = start(shared, 5)
    await asyncio.sleep(0)
    assert shared.join(KEY) is None
    opener.gate.set()
    assert await asyncio.gather(*tasks) == [connection] * 5
    assert opener.offers == [True]
    assert shared.join(KEY) is not None


async def test_one_that_was_refused_goes_before_newcomers_who_wait_longer() -> None:
    opener = Opener(FakeShared(3), FakeShared())
    shared = sharing(opener)
    told: list[str] = []

    async def open_as(name: str, exchange: Exchange) -> None:
        await shared.open(KEY, exchange)
        told.append(name)

    names = {"leader": NEW, "newcomer": NEW, "refused": REPEATED, "refused, too": REPEATED}
    tasks = [asyncio.create_task(open_as(name, exchange)) for name, exchange in names.items()]
    await asyncio.sleep(0)
    opener.gate.set()
    await asyncio.gather(*tasks)
    assert told == ["leader", "refused", "refused, too", "newcomer"]
    assert len(opener.offers) == 2


async def test_beyond_the_room_of_one_another_is_opened_by_one() -> None:
    small, large = FakeShared(2), FakeShared()
    opener = Opener(small, large)
    shared = sharing(opener)
    opener.gate.set()
    assert await asyncio.gather(*start(shared, 6)) == [small] * 2 + [large] * 4
    assert len(opener.offers) == 2


async def test_an_origin_of_http1_is_waited_for_once() -> None:
    loop = asyncio.get_running_loop()
    opener = Opener(*(ClientH1(loop, KEY) for _ in range(6)))
    shared = sharing(opener)
    tasks = start(shared, 3)
    await asyncio.sleep(0)
    assert len(opener.offers) == 1
    opener.gate.set()
    await asyncio.gather(*tasks)
    opener.gate.clear()
    tasks = start(shared, 3)
    await asyncio.sleep(0)
    assert len(opener.offers) == 6
    opener.gate.set()
    await asyncio.gather(*tasks)


async def test_when_a_leader_fails_the_others_go_on_by_themselves() -> None:
    opener = Opener(OSError("refused"), FakeShared(), OSError("refused"))
    shared = sharing(opener)
    tasks = start(shared, 3)
    await asyncio.sleep(0)
    opener.gate.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(result, OSError) for result in results) == 2
    assert len(opener.offers) == 3


async def test_when_a_leader_is_cancelled_the_next_one_leads() -> None:
    connection = FakeShared()
    opener = Opener(connection)
    shared = sharing(opener)
    tasks = start(shared, 3)
    await asyncio.sleep(0)
    tasks[0].cancel()
    await until(lambda: len(opener.offers) == 2)
    opener.gate.set()
    assert await asyncio.gather(*tasks[1:]) == [connection] * 2
    with pytest.raises(asyncio.CancelledError):
        await tasks[0]


async def test_a_connection_that_is_lost_is_joined_no_more() -> None:
    connection = FakeShared()
    opener = Opener(connection)
    opener.gate.set()
    shared = sharing(opener)
    await shared.open(KEY, NEW)
    assert connection.on_lost is not None
    connection.on_lost()
    assert shared.join(KEY) is None


async def test_a_connection_that_is_lost_as_soon_as_it_is_open_is_not_kept() -> None:
    connection = FakeShared()
    connection.is_closed = True
    opener = Opener(connection)
    opener.gate.set()
    shared = sharing(opener)
    await shared.open(KEY, NEW)
    assert (shared.join(KEY), connection.on_lost) == (None, None)


@pytest.mark.parametrize("is_lost", [False, True])
async def test_where_http1_was_demanded_http2_is_not_offered_again(is_lost: bool) -> None:
    first = FakeShared(1)
    opener = Opener(first, ClientH1(asyncio.get_running_loop(), KEY))
    opener.gate.set()
    shared = sharing(opener)
    await shared.open(KEY, NEW)
    first.wants_h1 = True
    if is_lost and first.on_lost is not None:
        first.on_lost()
    await shared.open(KEY, NEW)
    assert opener.offers == [True, False]


async def test_a_server_that_allows_an_extended_connect_is_known() -> None:
    connection = FakeShared()
    opener = Opener(connection)
    opener.gate.set()
    shared = sharing(opener)
    await shared.open(KEY, NEW)
    assert not shared.takes_connect(KEY)
    connection.allows_connect = True
    assert shared.takes_connect(KEY)
