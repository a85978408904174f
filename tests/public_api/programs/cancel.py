"""Requests that are cancelled while they wait, then a session that is closed."""

import asyncio
import sys

import uvloop

import trunkline as aiohttp


async def main(url: str) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=3)) as session:
        requests = [asyncio.ensure_future(session.get(url)) for _ in range(5)]
        await asyncio.wait(requests, timeout=0.3)
        for request in requests:
            request.cancel()
        for outcome in await asyncio.gather(*requests, return_exceptions=True):
            print(type(outcome).__name__)


run = uvloop.run if sys.argv[2] == "uvloop" else asyncio.run
run(main(sys.argv[1]))
