"""One connection, two batches of requests, and the log that shows it."""

import asyncio
import logging
import sys

import trunkline as aiohttp

logging.basicConfig(level=logging.DEBUG)
logger = logging.getLogger("trunkline.client")


async def fetch(session: aiohttp.ClientSession, url: str) -> dict[str, object]:
    async with session.get(url) as response:
        logger.info("connected to %s", url)
        found: dict[str, object] = await response.json()
        return found


async def main(base_url: str) -> None:
    urls = [f"{base_url}posts/{number}" for number in (1, 2, 3, 3)]
    connector = aiohttp.TCPConnector(limit=1)
    async with aiohttp.ClientSession(connector=connector) as session:
        print(f"Initial connections: {len(connector._conns)}")
        await asyncio.gather(*(fetch(session, url) for url in urls))
        print(f"Active connections: {len(connector._conns)}")
        print(f"Hosts: {[(key.host, key.port, key.is_ssl) for key in connector._conns]}")
        await asyncio.gather(*(fetch(session, url) for url in urls))
        print(f"Active connections: {len(connector._conns)}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
