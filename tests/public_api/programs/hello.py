"""The smallest program: one page, printed."""

import asyncio
import sys

import trunkline as aiohttp


async def main(url: str) -> None:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        print(await response.text())


asyncio.run(main(sys.argv[1]))
