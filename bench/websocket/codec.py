"""The child process: one codec in one scenario, without a socket; prints one JSON line.

CPU is the time of the process for each message, the least of many short turns: what else the machine does only adds to
it. Run as `python -m bench.websocket.codec ENGINE SCENARIO SECONDS`.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from bench.targets import Figures
from bench.websocket.codecs import CODECS, Take, Transport
from bench.websocket.frames import render
from bench.websocket.scenarios import CODEC_SCENARIOS, CodecScenario
from bench.worker import WARM_UP_SHARE, peak_rss_mb

TURN_S = 0.01  # long against the clock's resolution, short against what disturbs a machine

Turn = Callable[[], Awaitable[None]]


async def measure(engine: str, scenario: CodecScenario, seconds: float) -> Figures:
    """Warm up, then run for `seconds`; return the figures."""
    turn = await (_reading if scenario.direction == "read" else _writing)(engine, scenario)
    gc.collect()
    once_s = await _least_s(turn, 1, seconds * WARM_UP_SHARE)
    passes = max(1, int(TURN_S / once_s))
    each_s = await _least_s(turn, passes, seconds) / passes / scenario.messages
    return {"message_us": each_s * 1e6, "messages_per_s": 1 / each_s, "rss_mb": peak_rss_mb()}


async def _least_s(turn: Turn, passes: int, seconds: float) -> float:
    """Return the CPU time of the quickest `passes` turns in a row."""
    least_s = float("inf")
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        before = time.process_time()
        for _ in range(passes):
            await turn()
        least_s = min(least_s, time.process_time() - before)
    return least_s


async def _reading(engine: str, scenario: CodecScenario) -> Turn:
    reads = _reads(scenario)
    seen: list[str] = []

    async def note(take: Take) -> None:
        while True:
            seen.append((await take()).data)

    async def drop(take: Take) -> None:
        while True:
            await take()

    def turn_of(consume: Callable[[Take], Coroutine[Any, Any, None]]) -> Turn:
        feed, take = CODECS[engine][0](scenario.is_server)
        # As in a program, somebody always waits for the next message; but is woken by hand, not by the loop.
        wake = consume(take).send
        wake(None)

        async def turn() -> None:
            for data, messages in reads:
                feed(data)
                if messages:
                    wake(None)

        return turn

    await turn_of(note)()
    text = scenario.payload.decode()
    if seen != [text] * scenario.messages:
        raise SystemExit(f"{engine} read {len(seen)} messages, not {scenario.messages} times {text[:80]!r}")
    return turn_of(drop)


def _reads(scenario: CodecScenario) -> list[tuple[bytes, int]]:
    """Return what each read brings, and how many messages end in it."""
    frames = [render(scenario.payload, os.urandom(4) if scenario.is_server else None) for _ in range(scenario.messages)]
    wire = b"".join(frames)
    size = scenario.read_bytes or scenario.per_read * len(frames[0])
    reads = []
    for at in range(0, len(wire), size):
        data = wire[at : at + size]
        reads.append((data, (at + len(data)) // len(frames[0]) - at // len(frames[0])))
    return reads


async def _writing(engine: str, scenario: CodecScenario) -> Turn:
    transport = Transport()
    write = CODECS[engine][1](scenario.is_server, transport)
    payload, messages = scenario.payload, range(scenario.messages)

    async def turn() -> None:
        for _ in messages:
            await write(payload)

    await write(payload)
    wanted = len(render(payload, None if scenario.is_server else b"0000"))
    if transport.written != wanted:
        raise SystemExit(f"{engine} wrote {transport.written} bytes; {wanted} were wanted")
    return turn


def main() -> None:
    engine, scenario, seconds = sys.argv[1:]
    print(json.dumps(asyncio.run(measure(engine, CODEC_SCENARIOS[scenario], float(seconds)))))


if __name__ == "__main__":
    main()
