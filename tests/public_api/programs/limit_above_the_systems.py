"""Connectors with a limit that the system does not allow."""

import asyncio
import resource
import sys

import trunkline as aiohttp


async def main(limit: int) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (500, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    for _ in range(2):
        await aiohttp.TCPConnector(limit=limit).close()  # made here


asyncio.run(main(int(sys.argv[1])))
