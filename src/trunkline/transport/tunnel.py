"""`Tunnel`: the way through an HTTP proxy to an origin, opened by CONNECT (RFC 9110 §9.3.6).

One request goes out on a fresh connection to the proxy, and its answer's head comes back: after a 2xx the transport
belongs to the origin, after anything else it is of no use. The head is bounded like any other. An origin behind a
tunnel speaks TLS, where the client speaks first: whatever comes before that is nobody's, and refused.
"""

import asyncio
from collections.abc import Iterable
from typing import Final, cast

from trunkline import hdrs
from trunkline.ground.product import SERVER_SOFTWARE
from trunkline.transport.errors import BadTunnel, TunnelLost, TunnelRefused
from trunkline.wire.errors import BadHead, WireError
from trunkline.wire.h1.head import ResponseHead, parse_response_head
from trunkline.wire.h1.head_buffer import HeadBuffer
from trunkline.wire.h1.render import render_request_head
from trunkline.wire.limits import MAX_FIELD_BYTES, MAX_FIELDS, MAX_INTERIM_RESPONSES, MAX_LINE_BYTES
from trunkline.wire.message import FieldBlock, RequestHead, Target

# Host is the target, and CONNECT has no body: a field that says otherwise would lead the proxy astray.
_NEVER_SENT: Final = frozenset({"host", "content-length", "transfer-encoding"})


def connect_request(
    host: str, port: int, fields: Iterable[tuple[str, str]] = (), credentials: str | None = None
) -> bytes:
    """Return the request that asks a proxy for a tunnel to `host`:`port`.

    fields: for the proxy. credentials: the value of Proxy-Authorization, which then is not taken from `fields`.
    Raises ValueError for a field that cannot be sent.
    """
    left_out = _NEVER_SENT if credentials is None else {*_NEVER_SENT, "proxy-authorization"}
    pairs = [(name, value) for name, value in fields if name.lower() not in left_out]
    if not any(name.lower() == "user-agent" for name, _ in pairs):
        pairs.append((hdrs.USER_AGENT, SERVER_SOFTWARE))
    if credentials is not None:
        pairs.append((hdrs.PROXY_AUTHORIZATION, credentials))
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return render_request_head(RequestHead("CONNECT", Target("https", authority, authority), [FieldBlock(pairs)]))


class Tunnel(asyncio.Protocol):
    """One connection to a proxy, until the tunnel is open. host, port: the proxy's, to name in errors."""

    def __init__(self, loop: asyncio.AbstractEventLoop, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._answer: asyncio.Future[ResponseHead] = loop.create_future()
        self._head = HeadBuffer()
        self._interim = 0

    async def open(self, request: bytes) -> None:
        """Send `request`, which `connect_request` made, and wait until the proxy agrees.

        Raises TunnelRefused, TunnelLost, or BadTunnel. The transport must then be aborted.
        """
        if not self._answer.done():
            self._transport.write(request)
        answer = await self._answer
        if not 200 <= answer.status < 300:
            raise TunnelRefused(self._host, self._port, answer.status, answer.reason, tuple(answer.fields))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's do not derive from it

    def data_received(self, data: bytes) -> None:
        if self._answer.done():  # and TLS has not begun
            self._transport.abort()
            return
        try:
            answer = self._feed(data)
        except WireError as error:
            self._fail(BadTunnel(self._host, self._port, str(error)))
            self._transport.abort()
            return
        if answer is not None:
            self._answer.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(TunnelLost(self._host, self._port, exc))

    def _feed(self, data: bytes) -> ResponseHead | None:
        """Return the head of the final answer once it is complete."""
        while True:
            found = self._head.feed(data)
            if found is None:
                self._head.check(MAX_LINE_BYTES, MAX_FIELD_BYTES, MAX_FIELDS)
                return None
            lines, data = found
            head = parse_response_head(lines, MAX_LINE_BYTES, MAX_FIELD_BYTES, MAX_FIELDS)
            if head.status >= 200 or head.status == 101:
                if data and 200 <= head.status < 300:
                    raise BadHead(f"{len(data)} bytes after the answer, before we spoke to the origin")
                return head
            self._interim += 1
            if self._interim > MAX_INTERIM_RESPONSES:
                raise BadHead(f"more than {MAX_INTERIM_RESPONSES} interim responses (1xx) without a final one")

    def _fail(self, error: Exception) -> None:
        if not self._answer.done():
            self._answer.set_exception(error)
            self._answer.exception()  # nobody may be waiting, if we were cancelled meanwhile
