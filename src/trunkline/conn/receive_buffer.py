"""One receive buffer per event loop, shared by all its connections.

asyncio's own reads allocate, map and unmap 256 KiB each time, 10 µs of a small request. A `BufferedProtocol` brings
its own memory instead; the loop asks for it, fills it and reports back in one step, so that one buffer serves all
connections of a loop. The proactor loop of Windows keeps a read pending: there each connection has its own.
"""

import asyncio
import sys
from typing import Final
from weakref import WeakKeyDictionary

RECEIVE_BYTES: Final = 2**18  # 16 KiB tripled the cost of streams; beyond 256 KiB nothing was gained

_of_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, memoryview] = WeakKeyDictionary()


def receive_buffer(loop: asyncio.AbstractEventLoop) -> memoryview:
    """Return the memory into which a connection of `loop` receives."""
    if sys.platform == "win32":
        return memoryview(bytearray(2**16))
    buffer = _of_loop.get(loop)
    if buffer is None:
        buffer = _of_loop[loop] = memoryview(bytearray(RECEIVE_BYTES))
    return buffer
