"""Far more requests at once than the system allows sockets; then one to another server, which has no connection yet."""

import asyncio
import resource
import socket
import sys
from collections import Counter

import uvloop

import trunkline as aiohttp

attempts = 0


def count_attempts(info: aiohttp.AddrInfoType) -> socket.socket:
    global attempts
    attempts += 1
    sock = socket.socket(*info[:3])
    sock.setblocking(False)
    return sock


async def status(session: aiohttp.ClientSession, url: str) -> int:
    async with session.get(url) as response:
        return response.status


async def main(url: str, other_url: str) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (40, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, socket_factory=count_attempts)) as session:
        results = await asyncio.gather(*(status(session, url) for _ in range(300)), return_exceptions=True)
        print(*Counter(map(str, results)).items())
        print(attempts)
        print(await status(session, other_url))


run = uvloop.run if sys.argv[2] == "uvloop" else asyncio.run
run(main(sys.argv[1], sys.argv[3]))
