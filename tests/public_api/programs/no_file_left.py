"""A program that has used up its descriptors before its first request, and gets some back."""

import asyncio
import os
import resource
import socket
import sys

import uvloop

import trunkline as aiohttp

attempts = 0


def count_attempts(info: aiohttp.AddrInfoType) -> socket.socket:
    global attempts
    attempts += 1
    sock = socket.socket(*info[:3])
    sock.setblocking(False)
    return sock


def take_all() -> list[int]:
    taken: list[int] = []
    try:
        while True:
            taken.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        return taken


def give_back(taken: list[int]) -> None:
    while taken:
        os.close(taken.pop())


async def status(session: aiohttp.ClientSession, url: str) -> int:
    async with session.get(url) as response:
        return response.status


async def main(url: str) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (60, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    connector = aiohttp.TCPConnector(limit=20, socket_factory=count_attempts, resolver=aiohttp.ThreadedResolver())
    async with aiohttp.ClientSession(connector=connector) as session:
        taken = take_all()
        try:
            async with session.get(url, timeout=aiohttp.ClientTimeout(connect=0.5)):
                pass
        except aiohttp.ClientConnectorError as error:
            print(error.errno, error)
        print(attempts)
        asyncio.get_running_loop().call_later(0.2, give_back, taken)
        print(await status(session, url))
        give_back(taken)


run = uvloop.run if sys.argv[2] == "uvloop" else asyncio.run
run(main(sys.argv[1]))
