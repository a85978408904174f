"""A response that is neither read nor released."""

import asyncio
import sys

import uvloop

import trunkline as aiohttp


async def status(session: aiohttp.ClientSession, url: str) -> int:
    response = await session.get(url)  # made here
    return response.status


async def main(url: str) -> None:
    async with aiohttp.ClientSession() as session:
        await status(session, url)


run = uvloop.run if sys.argv[2] == "uvloop" else asyncio.run
run(main(sys.argv[1]))
