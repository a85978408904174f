"""What the loopback server answers unless it is given another handler.

    /bytes/N        N bytes                           /status/N       that status
    /chunked/N      N chunks of one line each         /delay/MS       small JSON, MS milliseconds later
    /echo           the request's body                /gzip           small JSON, gzip-coded
    /redirect/N     N redirects, then small JSON      /cookies/set?a=1&b=2   a Set-Cookie field for each
    anything else   small JSON that names the path

A number that is missing, malformed or beyond its bound is answered 400.
"""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

from trunkline.testing.loopback_messages import LoopbackRequest, LoopbackResponse
from trunkline.wire.limits import LOOPBACK_MAX_BODY_BYTES, LOOPBACK_MAX_DELAY_MS

_JSON = ("Content-Type", "application/json")
_CHUNK = b"one line of a chunked body\n"
_MAX_CHUNKS = LOOPBACK_MAX_BODY_BYTES // len(_CHUNK)
_MAX_REDIRECTS = 1_000  # ours; far beyond the ten that a client follows


def answer(request: LoopbackRequest) -> LoopbackResponse | Awaitable[LoopbackResponse]:
    """Answer by the table above."""
    name, _, argument = request.path[1:].partition("/")
    if name in _NUMBERED:
        route, highest = _NUMBERED[name]
        number = _number(argument, highest)
        return _bad_number(highest) if number is None else route(request, number)
    plain = _PLAIN.get(request.path, _small_json)
    return plain(request)


def _number(digits: str, highest: int) -> int | None:
    if not (digits.isascii() and digits.isdigit()) or len(digits) > len(str(highest)):
        return None
    number = int(digits)
    return number if number <= highest else None


def _bad_number(highest: int) -> LoopbackResponse:
    return LoopbackResponse(400, body=b"wanted a number from 0 to %d after the last slash" % highest)


def _small_json(request: LoopbackRequest) -> LoopbackResponse:
    return LoopbackResponse(headers=(_JSON,), body=json.dumps({"ok": True, "path": request.path}).encode())


def _bytes(request: LoopbackRequest, count: int) -> LoopbackResponse:
    return LoopbackResponse(headers=(("Content-Type", "application/octet-stream"),), body=b"x" * count)


def _chunked(request: LoopbackRequest, count: int) -> LoopbackResponse:
    return LoopbackResponse(headers=(("Content-Type", "text/plain"),), chunks=(_CHUNK,) * count)


def _redirect(request: LoopbackRequest, count: int) -> LoopbackResponse:
    if count == 0:
        return _small_json(request)
    return LoopbackResponse(302, headers=(("Location", f"/redirect/{count - 1}"),))


def _status(request: LoopbackRequest, status: int) -> LoopbackResponse:
    # 1xx is no final response: sent as one, it would leave the client waiting (RFC 9110 §15.2).
    if status < 200:
        return LoopbackResponse(400, body=b"wanted a final status, 200 to 999")
    return LoopbackResponse(status, headers=(_JSON,), body=json.dumps({"status": status}).encode())


async def _delay(request: LoopbackRequest, delay_ms: int) -> LoopbackResponse:
    await asyncio.sleep(delay_ms / 1000)
    return _small_json(request)


def _echo(request: LoopbackRequest) -> LoopbackResponse:
    content_type = request.header("content-type") or "application/octet-stream"
    return LoopbackResponse(headers=(("Content-Type", content_type),), body=request.body)


def _gzip(request: LoopbackRequest) -> LoopbackResponse:
    plain = _small_json(request)
    return LoopbackResponse(headers=(_JSON, ("Content-Encoding", "gzip")), body=gzip.compress(plain.body))


def _set_cookies(request: LoopbackRequest) -> LoopbackResponse:
    cookies = tuple(("Set-Cookie", f"{name}={value}; Path=/") for name, value in parse_qsl(request.query))
    return LoopbackResponse(headers=(_JSON, *cookies), body=b"{}")


_NumberedRoute = Callable[[LoopbackRequest, int], LoopbackResponse | Awaitable[LoopbackResponse]]

_NUMBERED: dict[str, tuple[_NumberedRoute, int]] = {
    "bytes": (_bytes, LOOPBACK_MAX_BODY_BYTES),
    "chunked": (_chunked, _MAX_CHUNKS),
    "redirect": (_redirect, _MAX_REDIRECTS),
    "status": (_status, 999),  # RFC 9112 §4: status-code = 3DIGIT
    "delay": (_delay, LOOPBACK_MAX_DELAY_MS),
}
_PLAIN: dict[str, Callable[[LoopbackRequest], LoopbackResponse]] = {
    "/echo": _echo,
    "/gzip": _gzip,
    "/cookies/set": _set_cookies,
}
