"""Await a user's callback for an exchange, no longer than the exchange lasts.

A deadline ends the wait of an exchange that it knows of, and the callback of a trace may take any time: here it becomes
such a wait.
"""

import asyncio
from collections.abc import Awaitable
from functools import partial

from trunkline.conn.exchange import Exchange


async def tell(exchange: Exchange, telling: Awaitable[None]) -> None:
    """Await `telling`; when `exchange` fails meanwhile, cancel it and raise what the exchange failed with."""
    timeout = asyncio.timeout(None)
    exchange.interrupt = partial(cut_short, timeout)
    try:
        async with timeout:
            await telling
    except TimeoutError:
        if exchange.error is None or not timeout.expired():  # it is the callback's own
            raise
        raise exchange.error from None
    finally:
        exchange.interrupt = None


def cut_short(timeout: asyncio.Timeout) -> None:
    """Let `timeout` expire now, for what it bounds is wanted no longer; the one to be an `Exchange.interrupt`."""
    if not timeout.expired():  # else the wait is ending already
        timeout.reschedule(asyncio.get_running_loop().time())
