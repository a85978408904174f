"""A session that is closed in `finally`, after one request and after many at once; no sleep follows."""

import asyncio
import sys

import uvloop

import trunkline as aiohttp


async def size(session: aiohttp.ClientSession, url: str) -> int:
    async with session.get(url) as response:
        return len(await response.read())


async def main(url: str) -> None:
    session = aiohttp.ClientSession()
    try:
        print(await size(session, url))
        await asyncio.gather(*(size(session, url) for _ in range(19)))
    finally:
        await session.close()


run = uvloop.run if sys.argv[2] == "uvloop" else asyncio.run
run(main(sys.argv[1]))
