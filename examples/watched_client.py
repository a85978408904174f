"""Requests that are helped and watched: one middleware marks them, one sends them again, and a tracer prints each.

Middlewares stand around the sending of a request: `mark` gives it an id, which all of its tries share, and `try_again`
repeats what did no harm. The tracer changes nothing; it notes what took how long, and whether a connection was opened.

    python examples/upstream.py &
    python examples/watched_client.py     # five requests: one connection is opened, then reused
    kill %1; python examples/watched_client.py
"""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import trunkline

UPSTREAM = os.environ.get("UPSTREAM", "http://127.0.0.1:8081")
REQUESTS = 5
TRIES = 3
PAUSE_S = 0.1
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
BUSY = frozenset({502, 503, 504})


async def mark(request: trunkline.ClientRequest, handler: trunkline.ClientHandlerType) -> trunkline.ClientResponse:
    request.headers["X-Request-Id"] = uuid.uuid4().hex
    return await handler(request)


async def try_again(request: trunkline.ClientRequest, handler: trunkline.ClientHandlerType) -> trunkline.ClientResponse:
    """Send a request again when the server is not there or busy, if doing it twice is the same as doing it once."""
    last = TRIES if request.method in IDEMPOTENT else 1
    for number in range(1, last):
        try:
            response = await handler(request)
            if response.status not in BUSY:
                return response
            response.release()
            seen = str(response.status)
        except trunkline.ClientConnectionError as error:
            seen = type(error).__name__
        print(f"try {number} of {request.method} {request.url}: {seen}", flush=True)
        await asyncio.sleep(PAUSE_S * number)
    return await handler(request)


@dataclass
class Watch:
    """What the tracer knows of one request. trace_request_ctx: the keyword of that name; here, what it is for."""

    trace_request_ctx: str | None = None
    began: float = field(default_factory=time.perf_counter)
    way: str = "no connection"

    def tell(self, outcome: str) -> None:
        elapsed_ms = 1000 * (time.perf_counter() - self.began)
        print(f"{self.trace_request_ctx}: {outcome}, {self.way}, {elapsed_ms:.0f} ms", flush=True)


def make_tracer() -> trunkline.TraceConfig:
    # Any: one callback serves several signals, whose params differ.
    async def opened(session: trunkline.ClientSession, watch: Watch, params: Any) -> None:
        watch.way = "new connection"

    async def reused(session: trunkline.ClientSession, watch: Watch, params: Any) -> None:
        watch.way = "reused connection"

    async def ended(session: trunkline.ClientSession, watch: Watch, params: trunkline.TraceRequestEndParams) -> None:
        watch.tell(str(params.response.status))

    async def failed(
        session: trunkline.ClientSession, watch: Watch, params: trunkline.TraceRequestExceptionParams
    ) -> None:
        watch.tell(type(params.exception).__name__)

    tracer = trunkline.TraceConfig(Watch)
    tracer.on_connection_create_end.append(opened)
    tracer.on_connection_reuseconn.append(reused)
    tracer.on_request_end.append(ended)
    tracer.on_request_exception.append(failed)
    return tracer


async def main() -> int:
    async with trunkline.ClientSession(
        UPSTREAM,
        headers={"User-Agent": "watched_client"},
        middlewares=(mark, try_again),  # the first one is the outermost
        trace_configs=[make_tracer()],
    ) as session:
        try:
            for number in range(1, REQUESTS + 1):
                async with session.get(f"/items/{number}", trace_request_ctx=f"item {number}") as response:
                    await response.read()
        except trunkline.ClientError as error:
            print(f"given up: {error}", flush=True)
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main()))
