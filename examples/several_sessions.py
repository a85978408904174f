"""Several sessions in one application: two share a connector, and bulk work has one of its own.

`users` and `audit` have headers of their own and draw on the same connections: neither owns the connector, which is
closed behind them. When all of its sockets are in use, what users wait for is served first: `audit` has a lower
priority. `bulk` has a connector limited to two sockets, so bulk work queues for those two, however much there is of it:
a priority orders those who wait, a limit also spares the service that is called.

    python examples/upstream.py &
    python examples/several_sessions.py &
    curl http://127.0.0.1:8080/bulk/500 &           # five seconds of work
    curl http://127.0.0.1:8080/items/1              # answered at once all the same, twice on one connection
    curl http://127.0.0.1:8081/counts               # bulk: two connections
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass

import trunkline
from trunkline import web

PORT = int(os.environ.get("PORT", "8080"))
UPSTREAM = os.environ.get("UPSTREAM", "http://127.0.0.1:8081")
MAX_SOCKETS = 50
MAX_BULK_SOCKETS = 2
MAX_BULK_ITEMS = 10_000
LOW = -1  # 0 is usual, and higher is served earlier


@dataclass(frozen=True, slots=True)
class Sessions:
    users: trunkline.ClientSession
    audit: trunkline.ClientSession
    bulk: trunkline.ClientSession


SESSIONS = web.AppKey("SESSIONS", Sessions)
routes = web.RouteTableDef()


def make_session(
    name: str, connector: trunkline.BaseConnector, timeout_s: float, priority: int = 0
) -> trunkline.ClientSession:
    return trunkline.ClientSession(
        UPSTREAM,
        connector=connector,
        connector_owner=False,
        headers={"User-Agent": name},
        timeout=trunkline.ClientTimeout(total=timeout_s),
        raise_for_status=True,
        priority=priority,
    )


async def client_sessions(app: web.Application) -> AsyncIterator[None]:
    async with (
        trunkline.TCPConnector(limit=MAX_SOCKETS) as shared,
        trunkline.TCPConnector(limit=MAX_BULK_SOCKETS) as narrow,
        make_session("users", shared, timeout_s=5) as users,
        make_session("audit", shared, timeout_s=1, priority=LOW) as audit,
        make_session("bulk", narrow, timeout_s=300) as bulk,  # the wait for a socket counts
    ):
        app[SESSIONS] = Sessions(users, audit, bulk)
        yield


async def fetch(session: trunkline.ClientSession, number: int) -> object:
    async with session.get(f"/items/{number}") as response:
        item: object = await response.json()
        return item


@routes.get(r"/items/{id:\d+}")
async def read_item(request: web.Request) -> web.Response:
    sessions, number = request.app[SESSIONS], int(request.match_info["id"])
    by_users = await fetch(sessions.users, number)
    by_audit = await fetch(sessions.audit, number)  # on the same connection, which is idle again
    return web.json_response({"users": by_users, "audit": by_audit})


@routes.get(r"/bulk/{count:\d+}")
async def read_many(request: web.Request) -> web.Response:
    count = min(int(request.match_info["count"]), MAX_BULK_ITEMS)
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(fetch(request.app[SESSIONS].bulk, number))
    return web.json_response({"done": count})


def make_app() -> web.Application:
    app = web.Application()
    app.cleanup_ctx.append(client_sessions)
    app.add_routes(routes)
    return app


if __name__ == "__main__":
    web.run_app(make_app(), host="127.0.0.1", port=PORT)
