"""A process that forks in the middle of its requests, and a child that does all that it should not with them."""

import asyncio
import gc
import multiprocessing
import os
import sys
import traceback

import uvloop

import trunkline as aiohttp


async def size(session: aiohttp.ClientSession, url: str) -> int:
    async with session.get(url) as response:
        return len(await response.read())


async def misuse(held: list[aiohttp.ClientSession | aiohttp.ClientResponse], url: str) -> None:
    session, response = held
    assert isinstance(session, aiohttp.ClientSession)
    assert isinstance(response, aiohttp.ClientResponse)
    connector = session.connector
    assert connector is not None
    for inherited in (session, aiohttp.ClientSession(connector=connector)):
        try:
            await inherited.get(url)
        except RuntimeError as error:
            print(f"RuntimeError: {error}")
        await inherited.close()
        assert await inherited.drain() == ()
    response.release()
    await connector.close()
    async with aiohttp.ClientSession() as own:
        print("child got", await size(own, url))


def child(held: list[aiohttp.ClientSession | aiohttp.ClientResponse], url: str) -> None:
    """Misuse what the parent holds, then drop it."""
    run(misuse(held, url))
    held.clear()
    gc.collect()
    sys.stdout.flush()


def forked(held: list[aiohttp.ClientSession | aiohttp.ClientResponse], url: str) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            child(held, url)
        except BaseException:
            traceback.print_exc()
        finally:  # what the parent was in the middle of is not for the child to end
            os._exit(0)
    return pid


def forked_by_multiprocessing(held: list[aiohttp.ClientSession | aiohttp.ClientResponse], url: str) -> int:
    process = multiprocessing.get_context("fork").Process(target=child, args=(held, url))
    process.start()
    assert process.pid is not None
    return process.pid


async def main(url: str) -> None:
    session = aiohttp.ClientSession()  # made here
    print("parent got", await size(session, f"{url}bytes/500"))
    big = await session.get(f"{url}bytes/5000000")
    print("parent got", await size(session, f"{url}bytes/500"))  # on a second connection, idle from now on
    print("parent", os.getpid())
    sys.stdout.flush()
    fork = forked if sys.argv[3] == "fork" else forked_by_multiprocessing
    pid = fork([session, big], f"{url}bytes/500")
    _, status = await asyncio.to_thread(os.waitpid, pid, 0)
    print("child", pid, "ended with", os.waitstatus_to_exitcode(status))
    print("parent got", len(await big.read()))
    print("parent got", await size(session, f"{url}bytes/500"))
    await session.close()


run = uvloop.run if sys.argv[2] == "uvloop" else asyncio.run
run(main(sys.argv[1]))
