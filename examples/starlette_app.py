"""One session for a Starlette application: its lifespan makes and closes it, every request finds it in its state.

It needs `pip install starlette uvicorn`. At SIGTERM uvicorn finishes the requests, then leaves the lifespan.

    python examples/upstream.py &
    python examples/starlette_app.py &    # or, in examples/: uvicorn starlette_app:app --port 8080
    curl http://127.0.0.1:8080/items/1 http://127.0.0.1:8080/items/2
    curl http://127.0.0.1:8081/counts     # of many requests one after the other: one connection
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypedDict

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import trunkline

PORT = int(os.environ.get("PORT", "8080"))
UPSTREAM = os.environ.get("UPSTREAM", "http://127.0.0.1:8081")


class State(TypedDict):
    session: trunkline.ClientSession


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[State]:
    async with trunkline.ClientSession(UPSTREAM, headers={"User-Agent": "starlette_app"}) as session:
        yield {"session": session}


async def read_item(request: Request) -> JSONResponse:
    session: trunkline.ClientSession = request.state.session
    try:
        async with session.get(f"/items/{request.path_params['id']}") as response:
            return JSONResponse(await response.json(), response.status)
    except (trunkline.ClientError, TimeoutError) as error:
        raise HTTPException(502, f"upstream: {error}") from error


app = Starlette(routes=[Route("/items/{id:int}", read_item)], lifespan=lifespan)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=PORT)
