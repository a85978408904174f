"""The raw ASGI application that granian serves: no framework, a dict for the routes.

Static files are granian's own, in Rust; see process.py.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from bench.servers.answers import BODY, BODY_TYPE, GREETING, ROUTES

# Any: ASGI's scope and messages are dicts of anything.
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Handler = Callable[[Scope, Receive, Send], Awaitable[None]]


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Find the handler by the path, or by the path without its last segment."""
    path = scope["path"]
    handler = HANDLERS.get(path) or HANDLERS[path.rpartition("/")[0]]
    await handler(scope, receive, send)


async def _greet(scope: Scope, receive: Receive, send: Send) -> None:
    await _send_json(send, GREETING)


async def _send_body(scope: Scope, receive: Receive, send: Send) -> None:
    await _send(send, BODY, BODY_TYPE.encode())


async def _show_id(scope: Scope, receive: Receive, send: Send) -> None:
    await _send_json(send, {"id": scope["path"].rpartition("/")[2]})


async def _count_bytes(scope: Scope, receive: Receive, send: Send) -> None:
    size, has_more = 0, True
    while has_more:
        message = await receive()
        size += len(message.get("body", b""))
        has_more = message.get("more_body", False)
    await _send_json(send, {"bytes": size})


async def _send_json(send: Send, document: object) -> None:
    await _send(send, json.dumps(document).encode(), b"application/json")


async def _send(send: Send, body: bytes, content_type: bytes) -> None:
    headers = [(b"content-type", content_type), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


HANDLERS: dict[str, Handler] = {
    "/json": _greet,
    "/body": _send_body,
    "/post": _count_bytes,
    **{f"/things{i}": _show_id for i in range(ROUTES)},
}
