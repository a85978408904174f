"""The server process of the demo, and the pipe to it; every run gets a `CountingServer` with its own port.

The parent writes one server's name per line; the child waits until that server's connections have closed,
and answers its counts as one line of JSON. The end of the child's input ends the child, so that it goes
with its parent whatever becomes of that: success, an error, an interrupt, a kill.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any

from trunkline import web
from trunkline.cli.counting_server import CountingServer, Counts
from trunkline.testing.throwaway_ca import ThrowawayCA

_CLOSE_TIMEOUT_S = 2.0  # ours; a session that closed has closed its sockets, and loopback delays nothing
_BACKLOG = 1024  # ours; more than connect at once; the kernel cuts it to net.core.somaxconn
_EXIT_TIMEOUT_S = 5.0  # ours; the child has nothing to finish when its input ends


class DemoServerError(Exception):
    """The server process ended, or said what was not asked."""


@dataclass(frozen=True, slots=True)
class Hello:
    """The child's first line: where it listens, and what to trust."""

    ports: dict[str, int]
    certificate_pem: str


class DemoServer:
    """The parent's side: starts the child, asks it, ends it."""

    def __init__(self, plain: Sequence[str], tls: Sequence[str]) -> None:
        self._plain = plain
        self._tls = tls

    def __enter__(self) -> DemoServer:
        names = json.dumps({"plain": self._plain, "tls": self._tls})
        self._child = subprocess.Popen(
            [sys.executable, "-m", __name__, names],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C goes to us alone; the child learns of it from its input
        )
        try:
            self.hello = Hello(**self._read())
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def counts(self, name: str) -> Counts:
        """Wait until the clients of a server have closed their connections, and return what it counted.

        Blocks; call it in a thread while clients run.
        """
        assert self._child.stdin is not None  # a PIPE
        try:
            print(name, file=self._child.stdin, flush=True)
        except BrokenPipeError as error:
            raise DemoServerError(self._obituary()) from error
        return Counts(**self._read())

    def close(self) -> None:
        """End the child, and wait for it."""
        with self._child as child:  # closes its pipes
            assert child.stdin is not None  # a PIPE
            child.stdin.close()
            try:
                child.wait(_EXIT_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                child.kill()

    def _read(self) -> dict[str, Any]:  # Any: JSON of our own child, whose fields the dataclasses name
        assert self._child.stdout is not None  # a PIPE
        line = self._child.stdout.readline()
        if not line:
            raise DemoServerError(self._obituary())
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _obituary(self) -> str:
        return f"the demo's server process ended with code {self._child.wait()}; its own error is above"


async def serve(plain: Sequence[str], tls: Sequence[str]) -> None:
    """The child's side: serve until the input ends."""
    authority = ThrowawayCA()
    context = authority.server_context()
    context_of = dict.fromkeys(plain) | dict.fromkeys(tls, context)
    async with AsyncExitStack() as stack:
        sites = {name: await stack.enter_async_context(_serving(own)) for name, own in context_of.items()}
        ports = {name: site.port for name, (_, site) in sites.items()}
        _say(asdict(Hello(ports, authority.certificate_pem)))
        while name := (await asyncio.to_thread(sys.stdin.readline)).strip():
            server, _ = sites[name]
            await server.wait_all_closed(_CLOSE_TIMEOUT_S)
            _say(asdict(server.counts))


@asynccontextmanager
async def _serving(context: ssl.SSLContext | None) -> AsyncIterator[tuple[CountingServer, web.TCPSite]]:
    """Serve on a free port of loopback, over TLS if there is a context for it."""
    server = CountingServer()
    runner = web.ServerRunner(server)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context, backlog=_BACKLOG)
        await site.start()
        yield server, site
    finally:
        await runner.cleanup()


def _say(answer: dict[str, Any]) -> None:  # Any: see DemoServer._read
    # Not by print(): what it could not write, it would try again to write at exit.
    os.write(sys.stdout.fileno(), json.dumps(answer).encode() + b"\n")


if __name__ == "__main__":
    with suppress(BrokenPipeError):  # the parent is gone, which is when to end
        asyncio.run(serve(**json.loads(sys.argv[1])))
