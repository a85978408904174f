"""A session made when the module is imported: there is no loop yet that it could belong to."""

import asyncio
import sys

import trunkline as aiohttp

session = aiohttp.ClientSession()


async def main(url: str) -> None:
    async with session.get(url) as response:
        print(response.status)


asyncio.run(main(sys.argv[1]))
