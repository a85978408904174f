"""A server over TLS, any one of whose calls fails while a client comes, is served and goes, goes on and keeps nothing.

What cannot be made to fail is told in `faults`.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, Final

import pytest

from tests.torture.client_flows import CA, LIMIT_S
from tests.torture.faults import Faults, fail_everywhere, failing_bios, failing_files, listener
from tests.torture.figures import figures
from tests.torture.leaks import run_on
from tests.torture.loops import LOOPS
from tests.torture.server_flows import (
    FLOWS,
    GET,
    HELLO,
    Flow,
    Pace,
    TLSServing,
    flow_server,
    play_client,
    serve_another,
    until_alone,
)
from tests.torture.stepping import MAX_WAITS, Cut
from trunkline.web.runner import ServerRunner
from trunkline.web.sites import SockSite

TLS: Final = CA.server_context()
_NAMES: Final = ("server handler", "upload, read", "answer streamed", "answer of a large file", "server's WebSocket")


async def play(name: str, serving: TLSServing, pace: Pace) -> None:
    """Do all of a flow, unless the server ends it."""
    with suppress(ConnectionError, ssl.SSLError):
        await play_client(serving, FLOWS[name], pace)


async def go_from_handshake(serving: TLSServing, pace: Pace) -> None:
    """Go with a handshake begun."""
    await _go_after(serving, HELLO[:50])


async def reset_from_request(serving: TLSServing, pace: Pace) -> None:
    """Go with a request out, and no word of TLS's that it was the last."""
    with suppress(ConnectionError, ssl.SSLError):
        async with await serving.talk() as client:
            client.send(GET)
            client.writer.transport.abort()


async def speak_plainly(serving: TLSServing, pace: Pace) -> None:
    """Send a request in clear."""
    await _go_after(serving, GET)


async def _go_after(serving: TLSServing, data: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", serving.port)
    writer.write(data)
    with suppress(OSError):  # the server's RST has come
        writer.write_eof()
        await reader.read()
    writer.close()


Client = Callable[[TLSServing, Pace], Coroutine[Any, Any, None]]
CLIENTS: Final[dict[str, Client]] = {
    **{f"{name}, TLS": partial(play, name) for name in _NAMES},
    "client goes from its TLS handshake": go_from_handshake,
    "client goes from its TLS request": reset_from_request,
    "client speaks no TLS": speak_plainly,
}


async def run_failing(name: str, faults: Faults) -> None:
    """Let a server start and serve a client while a call fails, and then another client."""
    pace = Pace()
    flow = FLOWS.get(name.removesuffix(", TLS"), Flow(FLOWS["server handler"].handler))
    runner = ServerRunner(flow_server(flow, Cut(MAX_WAITS, is_late=False), pace), shutdown_timeout=LIMIT_S)
    await runner.setup()
    with listener(faults) as sock:
        try:
            await SockSite(runner, sock, ssl_context=faults.watch_tls(TLS)).start()
            await serve_failing(TLSServing(runner), CLIENTS[name], pace, faults)
        finally:
            async with asyncio.timeout(LIMIT_S):
                await runner.cleanup()


async def serve_failing(serving: TLSServing, client: Client, pace: Pace, faults: Faults) -> None:
    with failing_files(faults), failing_bios(), faults.armed():
        async with asyncio.timeout(LIMIT_S):
            await client(serving, pace)
            await until_alone(serving)
    await serve_another(serving)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("name", CLIENTS)
def test_a_tls_server_goes_on_and_leaves_nothing_behind_whichever_call_fails(
    name: str, loop: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)  # that a file cannot be read is told to the server's log
    failed = run_on(loop, fail_everywhere(partial(run_failing, name)))
    figures.add("calls failed", name, len(failed))
