"""The echo of picows, which is written in Cython and has no coroutine between reading and sending.

Run as `python -m bench.websocket.picows_app LOOP PORT`.
"""

from __future__ import annotations

import asyncio
import sys
from importlib import import_module
from typing import Any


# Any: the type checker must not need the library.
async def _serve(port: int) -> None:
    picows: Any = import_module("picows")

    class Echo(picows.WSListener):  # type: ignore[misc]  # a base of the type Any
        def on_ws_frame(self, transport: Any, frame: Any) -> None:
            transport.send(picows.WSMsgType.TEXT, frame.get_payload_as_utf8_text().encode())

    server = await picows.ws_create_server(lambda request: Echo(), "127.0.0.1", port)
    await server.serve_forever()


def main() -> None:
    loop, port = sys.argv[1:]
    factory = import_module("uvloop").new_event_loop if loop == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(_serve(int(port)))


if __name__ == "__main__":
    main()
