"""What the client does with one request: the healthy flows, and the faults of its own making.

A healthy flow checks its answer to the last byte: it carries the request's number, so a response that went to the
wrong request shows. A flow that fails raises; nothing here decides what was to be expected, except where the client
itself did the harm.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

from soak.faults import EXPECTED, Injected
from soak.server import NUMBER, STREAMED_PARTS
from trunkline import ClientConnectionError, ClientSession, ClientTimeout

UPLOADED_PARTS, PART_BYTES = 8, 2_000
ROUND_TRIPS = 3  # of one WebSocket
STALL = ClientTimeout(total=30, sock_read=0.2)  # ends the stalls; healthy flows are not so strict
HURRY_S = 0.005  # an answer on loopback takes 1 to 10 ms under this load: some make it, some do not

Flow = Callable[[ClientSession, int], Awaitable[None]]


class WrongAnswer(Exception):
    """The response is not the one to this request."""


def _check(got: object, wanted: object) -> None:
    if got != wanted:
        raise WrongAnswer(f"{str(got)[:100]!r} came, {str(wanted)[:100]!r} was wanted")


def _named(number: int) -> dict[str, str]:
    # In a field and not in the URL: caches of URLs would come and go with the samples.
    return {NUMBER: str(number)}


async def get(session: ClientSession, number: int) -> None:
    async with session.get("/get", headers=_named(number)) as response:
        _check(await response.text(), str(number))


async def post(session: ClientSession, number: int) -> None:
    async with session.post("/post", headers=_named(number), json=[number]) as response:
        _check(await response.json(), {"n": number, "got": [number]})


async def upload(session: ClientSession, number: int) -> None:
    async with session.post("/upload", headers=_named(number), data=_parts()) as response:
        _check(await response.text(), f"{number} {UPLOADED_PARTS * PART_BYTES}")


async def stream(session: ClientSession, number: int) -> None:
    async with session.get("/stream", headers=_named(number)) as response:
        _check([line async for line in response.content], [b"%d\n" % number] * STREAMED_PARTS)


async def redirect(session: ClientSession, number: int) -> None:
    async with session.get("/redirect", headers=_named(number)) as response:
        _check((await response.text(), len(response.history)), (str(number), 1))


async def websocket(session: ClientSession, number: int) -> None:
    async with session.ws_connect("/websocket") as websocket:
        for turn in range(ROUND_TRIPS):
            await websocket.send_str(f"{number}.{turn}")
            _check(await websocket.receive_str(), f"{number}.{turn}")


async def _parts() -> AsyncIterator[bytes]:
    for _ in range(UPLOADED_PARTS):
        yield b"u" * PART_BYTES


# Flow -> its share of the healthy requests. A WebSocket and an upload cost several times what a GET does.
HEALTHY: dict[Flow, int] = {get: 50, post: 20, stream: 10, redirect: 10, upload: 5, websocket: 5}


def server_fault(name: str) -> Flow:
    """Make the flow that asks the server for the fault `name`, and checks what becomes of it."""

    async def flow(session: ClientSession, number: int) -> None:
        expected = EXPECTED[name]
        params, headers = {"name": name}, _named(number)
        try:
            async with session.get("/fault", params=params, headers=headers, timeout=STALL) as response:
                await response.read()
        except expected.errors:
            return
        _check(response.status, expected.status)

    return flow


async def cancelled(session: ClientSession, number: int) -> None:
    """Cancel any healthy flow, at any of its steps."""
    flow = random.choice(list(HEALTHY))
    task = asyncio.ensure_future(flow(session, number))
    for _ in range(random.randrange(40)):
        await asyncio.sleep(0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def hurried(session: ClientSession, number: int) -> None:
    """Allow a request hardly any time."""
    timeout = ClientTimeout(total=random.uniform(0.0001, HURRY_S))
    with suppress(TimeoutError):
        async with session.get("/stream", headers=_named(number), timeout=timeout) as response:
            await response.read()


async def broken_upload(session: ClientSession, number: int) -> None:
    """Fail in the middle of an upload."""

    async def parts() -> AsyncIterator[bytes]:
        yield b"u" * PART_BYTES
        raise Injected

    try:
        async with session.post("/upload", headers=_named(number), data=parts()):
            raise WrongAnswer("an upload that was never finished was answered")
    except ClientConnectionError as error:
        if Injected.__name__ not in str(error):
            raise


async def unread(session: ClientSession, number: int) -> None:
    """Turn away from a response before its body was read."""
    async with session.get("/stream", headers=_named(number)):
        pass


async def deserted(session: ClientSession, number: int) -> None:
    """Let a WebSocket go with messages on their way."""
    async with session.ws_connect("/websocket") as websocket:
        for turn in range(ROUND_TRIPS):
            await websocket.send_str(f"{number}.{turn}")


FAULTY: dict[str, Flow] = {
    **{name: server_fault(name) for name in EXPECTED},
    **{flow.__name__: flow for flow in (cancelled, hurried, broken_upload, unread, deserted)},
}
