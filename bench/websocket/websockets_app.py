"""The echo of the websockets library. Run as `python -m bench.websocket.websockets_app LOOP PORT`."""

from __future__ import annotations

import asyncio
import sys
from importlib import import_module
from typing import Any


# Any: the type checker must not need the library.
async def _serve(port: int) -> None:
    library: Any = import_module("websockets.asyncio.server")

    async def echo(websocket: Any) -> None:
        async for message in websocket:
            await websocket.send(message)

    async with library.serve(echo, "127.0.0.1", port, compression=None, ping_interval=None) as server:
        await server.serve_forever()


def main() -> None:
    loop, port = sys.argv[1:]
    factory = import_module("uvloop").new_event_loop if loop == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(_serve(int(port)))


if __name__ == "__main__":
    main()
