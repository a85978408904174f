"""One receive buffer per event loop, shared by all its connections.

asyncio's own reads allocate, map and unmap 256 KiB each time, 10 µs of a small request. A `BufferedProtocol` brings
its own memory instead; the loop asks for it, fills it and reports back in one step, so that one buffer serves all
connections of a loop. The proactor loop of Windows keeps a read pending: there each connection has its own.
"""

import asyncio
import sys
from typing import Final
from weakref import WeakKeyDictionary

# What is received is copied into bytes of its size. Up to 128 KiB glibc takes them from memory that was just freed;
# above, each is mapped anew, and a stream of 10 MB costs half as much again. At 16 KiB it costs several times as much.
RECEIVE_BYTES: Final = 120 * 1024

_of_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, memoryview] = WeakKeyDictionary()


def receive_buffer(loop: asyncio.AbstractEventLoop) -> memoryview:
    """Return the memory into which a connection of `loop` receives."""
    if sys.platform == "win32":
        return memoryview(bytearray(RECEIVE_BYTES))
    buffer = _of_loop.get(loop)
    if buffer is None:
        buffer = _of_loop[loop] = memoryview(bytearray(RECEIVE_BYTES))
    return buffer
