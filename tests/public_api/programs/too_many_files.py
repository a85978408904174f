"""More requests at once than the system allows sockets; then one more."""

import asyncio
import resource
import sys

import trunkline as aiohttp


async def status(session: aiohttp.ClientSession, url: str) -> int:
    async with session.get(url) as response:
        return response.status


async def main(url: str) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        results = await asyncio.gather(*(status(session, url) for _ in range(80)), return_exceptions=True)
        failed = {
            f"{type(result).__name__}: {result.strerror}"
            for result in results
            if isinstance(result, aiohttp.ClientConnectorError)
        }
        print(*failed)
        print(await status(session, url))


asyncio.run(main(sys.argv[1]))
