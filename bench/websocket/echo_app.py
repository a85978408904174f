"""The echo of aiohttp, and of trunkline, which has the same names.

Run as `python -m bench.websocket.echo_app MODULE LOOP PORT`.
"""

from __future__ import annotations

import asyncio
import sys
from importlib import import_module
from typing import Any


# Any: the type checker must not need aiohttp.
def application(web: Any) -> Any:
    """Return the application, made of the names in `web`."""

    async def echo(request: Any) -> Any:
        websocket = web.WebSocketResponse(compress=False)
        await websocket.prepare(request)
        async for message in websocket:
            await websocket.send_str(message.data)
        return websocket

    app = web.Application()
    app.add_routes([web.get("/echo", echo)])
    return app


def main() -> None:
    module, loop, port = sys.argv[1:]
    web: Any = import_module(f"{module}.web")
    new_loop = import_module("uvloop").new_event_loop if loop == "uvloop" else asyncio.new_event_loop
    options = {"access_log": None, "print": None, "loop": new_loop()}
    web.run_app(application(web), host="127.0.0.1", port=int(port), **options)


if __name__ == "__main__":
    main()
