"""A session that outlives the run it was made in: neither using nor closing it in the next is possible."""

import asyncio
import sys

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
    try:
        await session.close()
    except RuntimeError as error:
        print(f"RuntimeError: {error}")


run = uvloop.run if sys.argv[2] == "uvloop" else asyncio.run
orphan = run(first(sys.argv[1]))
run(second(orphan, sys.argv[1]))
