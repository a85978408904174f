"""A session that nobody closes."""

import asyncio
import sys

import uvloop

import trunkline as aiohttp


async def main(url: str) -> None:
    session = aiohttp.ClientSession()  # made here
    async with session.get(url) as response:
        await response.read()


run = uvloop.run if sys.argv[2] == "uvloop" else asyncio.run
run(main(sys.argv[1]))
