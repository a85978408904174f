"""One session, handed to the functions that need it."""

import asyncio
import sys

import trunkline as aiohttp


async def page(session: aiohttp.ClientSession, url: str) -> str:
    async with session.get(url) as response:
        return await response.text()


async def main(url: str) -> None:
    async with aiohttp.ClientSession() as session:
        print(await page(session, url))


asyncio.run(main(sys.argv[1]))
