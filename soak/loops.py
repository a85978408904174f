"""The event loops that the soak runs on."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

LOOPS = ("default", "uvloop")

T = TypeVar("T")


def run(main: Coroutine[object, object, T], loop: str) -> T:
    """Run `main` to its end on a new event loop."""
    if loop == "default":
        return asyncio.run(main)
    import uvloop  # an optional dependency

    return uvloop.run(main)
