"""One session for a worker: four consumers of a queue share it, and a signal lets them finish what is queued.

At SIGINT or SIGTERM no more jobs are taken; those in the queue are done, then the session is closed and the program
ends with code 0. In a program of yours the jobs come from a broker; here a clock makes them.

    python examples/upstream.py &
    python examples/worker.py             # Ctrl-C ends it
    curl http://127.0.0.1:8081/counts     # of all jobs together: at most four connections, one for each consumer
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal

import trunkline

UPSTREAM = os.environ.get("UPSTREAM", "http://127.0.0.1:8081")
CONSUMERS = 4
MAX_QUEUED = 100
JOB_EVERY_S = 0.01

Jobs = asyncio.Queue[int | None]  # None: there are no more


async def produce(jobs: Jobs, stop: asyncio.Event) -> None:
    for job in itertools.count(1):
        await jobs.put(job)  # waits while the queue is full
        try:
            async with asyncio.timeout(JOB_EVERY_S):
                await stop.wait()
        except TimeoutError:
            continue
        print(f"stopping after job {job}", flush=True)
        return


async def consume(jobs: Jobs, session: trunkline.ClientSession) -> None:
    while (job := await jobs.get()) is not None:
        try:
            async with session.get(f"/items/{job}") as response:
                print(f"job {job} is done: {await response.json()}", flush=True)
        except (trunkline.ClientError, TimeoutError) as error:
            print(f"job {job} has failed: {error!r}", flush=True)


async def main() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    jobs: Jobs = asyncio.Queue(MAX_QUEUED)
    headers = {"User-Agent": "worker"}
    async with (
        trunkline.ClientSession(UPSTREAM, headers=headers, raise_for_status=True) as session,
        asyncio.TaskGroup() as consumers,  # left first: the session outlives the last job
    ):
        for _ in range(CONSUMERS):
            consumers.create_task(consume(jobs, session))
        await produce(jobs, stop)
        for _ in range(CONSUMERS):
            await jobs.put(None)
    print("all jobs are done", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
