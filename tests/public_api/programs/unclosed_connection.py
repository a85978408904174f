"""A connection of `connector.connect()` that nobody uses or releases."""

import asyncio
import sys

import uvloop
from yarl import URL

import trunkline as aiohttp


async def main(url: str) -> None:
    async with aiohttp.TCPConnector() as connector:
        request = aiohttp.ClientRequest("GET", URL(url), loop=asyncio.get_running_loop())
        await connector.connect(request)  # made here


run = uvloop.run if sys.argv[2] == "uvloop" else asyncio.run
run(main(sys.argv[1]))
