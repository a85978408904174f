"""A program from before asyncio.run: it makes its loop itself, runs it, and closes it."""

import asyncio
import sys

import trunkline as aiohttp


async def main(url: str) -> None:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        print(await response.text())


loop = asyncio.new_event_loop()
try:
    loop.run_until_complete(main(sys.argv[1]))
finally:
    loop.close()
