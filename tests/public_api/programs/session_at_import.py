"""A session made when the module is imported: there is no loop yet that it could belong to."""

import asyncio
import sys

import trunkline as aiohttp

session = aiohttp.ClientSession()  # made here


async def main(url: str) -> None:
    async with session.get(url) as response:
        print(response.status)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
