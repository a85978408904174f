"""A WebSocket client that stays: it sends a line every now and then, and connects again when the server goes away.

One session opens all of its WebSockets. A server that is silent for too long is given up by the heartbeat; one that is
not there is asked again after a pause that doubles. Ctrl-C or SIGTERM closes the WebSocket with a closing handshake.

    python examples/server.py &
    python examples/websocket_client.py     # Ctrl-C ends it; stop the server meanwhile, and start it again
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal

import trunkline

SERVER = os.environ.get("SERVER", "http://127.0.0.1:8080")
SEND_EVERY_S = 0.2
HEARTBEAT_S = 20
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 30.0


async def send(websocket: trunkline.ClientWebSocketResponse) -> None:
    for number in itertools.count(1):
        await websocket.send_json({"number": number})
        await asyncio.sleep(SEND_EVERY_S)


async def converse(session: trunkline.ClientSession) -> None:
    """Open a WebSocket, and use it until either side ends it."""
    async with session.ws_connect("/echo", heartbeat=HEARTBEAT_S, compress=15) as websocket:
        sending = asyncio.create_task(send(websocket))
        try:
            async for message in websocket:  # ends when the WebSocket is closed, by whomever
                if message.type is trunkline.WSMsgType.ERROR:
                    print(f"failed: {message.data!r}", flush=True)
                else:
                    print(f"echo: {message.json()}", flush=True)
        finally:
            sending.cancel()
            await asyncio.wait([sending])
    print(f"closed by the server: {websocket.close_code}", flush=True)


async def stay(session: trunkline.ClientSession) -> None:
    pause_s = FIRST_PAUSE_S
    while True:
        try:
            await converse(session)
            pause_s = FIRST_PAUSE_S
        except (trunkline.ClientError, TimeoutError) as error:
            print(f"no WebSocket: {error!r}", flush=True)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        await asyncio.sleep(pause_s)


async def main() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with trunkline.ClientSession(SERVER) as session:
        staying = asyncio.create_task(stay(session))
        await stop.wait()
        staying.cancel()  # `async with` closes the WebSocket on the way out
        await asyncio.wait([staying])
    print("stopped", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
