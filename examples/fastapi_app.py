"""One session for a FastAPI application: its lifespan makes and closes it, a dependency hands it to the routes.

It needs `pip install fastapi uvicorn`. At SIGTERM uvicorn finishes the requests, then leaves the lifespan.

    python examples/upstream.py &
    python examples/fastapi_app.py &      # or, in examples/: uvicorn fastapi_app:app --port 8080
    curl http://127.0.0.1:8080/items/1 http://127.0.0.1:8080/items/2
    curl http://127.0.0.1:8081/counts     # of many requests one after the other: one connection
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, TypedDict

import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request

import trunkline

PORT = int(os.environ.get("PORT", "8080"))
UPSTREAM = os.environ.get("UPSTREAM", "http://127.0.0.1:8081")


class State(TypedDict):
    session: trunkline.ClientSession


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[State]:
    async with trunkline.ClientSession(UPSTREAM, headers={"User-Agent": "fastapi_app"}) as session:
        yield {"session": session}


async def session_of(request: Request) -> trunkline.ClientSession:
    session: trunkline.ClientSession = request.state.session
    return session


Session = Annotated[trunkline.ClientSession, Depends(session_of)]
app = FastAPI(lifespan=lifespan)


@app.get("/items/{item_id}")
async def read_item(item_id: int, session: Session) -> dict[str, Any]:  # Any: JSON
    try:
        async with session.get(f"/items/{item_id}", raise_for_status=True) as response:
            item: dict[str, Any] = await response.json()
            return item
    except (trunkline.ClientError, TimeoutError) as error:
        raise HTTPException(502, f"upstream: {error}") from error


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=PORT)
