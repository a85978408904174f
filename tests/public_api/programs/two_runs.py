"""A session that outlives the run it was made in: it cannot be used in the next, and its sockets cannot be closed."""

import asyncio
import sys
import warnings

import uvloop

import trunkline as aiohttp


async def first(url: str) -> aiohttp.ClientSession:
    session = aiohttp.ClientSession()
    async with session.get(url) as response:
        await response.read()
    return session


async def second(session: aiohttp.ClientSession, url: str) -> None:
    try:
        await session.get(url)
    except RuntimeError as error:
        print(f"RuntimeError: {error}")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        await session.close()
    print(*(f"{warning.category.__name__}: {warning.message}" for warning in caught), sep="\n")


run = uvloop.run if sys.argv[2] == "uvloop" else asyncio.run
orphan = run(first(sys.argv[1]))
run(second(orphan, sys.argv[1]))
