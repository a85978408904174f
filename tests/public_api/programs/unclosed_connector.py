"""A connector that its session does not own, and that nobody closes."""

import asyncio
import sys

import uvloop

import trunkline as aiohttp


async def main(url: str) -> None:
    connector = aiohttp.TCPConnector()  # made here
    session = aiohttp.ClientSession(connector=connector, connector_owner=False)
    async with session, session.get(url) as response:
        await response.read()


run = uvloop.run if sys.argv[2] == "uvloop" else asyncio.run
run(main(sys.argv[1]))
