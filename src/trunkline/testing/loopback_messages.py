"""Requests and responses of the loopback server, parsed and rendered by plain functions (RFC 9112 §2-§6).

A head is parsed strictly and as a whole; equal heads are parsed once. Line folding, HTTP/1.0 keep-alive and
transfer codings other than chunked are refused or left out: the peer is a client under test, so what is
doubtful should be seen.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus

from trunkline.wire.h1.chunked import LAST_CHUNK, render_chunk
from trunkline.wire.limits import LOOPBACK_MAX_BODY_BYTES, LOOPBACK_MAX_HEADS_CACHED

# RFC 9112 §3: method SP request-target SP HTTP-version; §5: field-name ":" OWS field-value OWS.
_REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([!-~]+) HTTP/1\.([01])")
_FIELD_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\x00\r\n]*)")
_BODILESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})  # RFC 9110 §6.4.1


class RequestRefused(Exception):
    """The request cannot be served: answer `status`, say why, close the connection."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


def body_too_large() -> RequestRefused:
    """The refusal of a body beyond the bound, for the caller to raise."""
    why = f"body above {LOOPBACK_MAX_BODY_BYTES} bytes; send less"
    return RequestRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, why)


@dataclass(frozen=True, slots=True)
class RequestHead:
    """The request line and fields, with what they say about the body and the connection."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]  # names in lower case
    body_length: int | None  # None: chunked
    keeps_alive: bool
    expects_continue: bool


@dataclass(frozen=True, slots=True)
class LoopbackRequest:
    """A whole request, as the server got it."""

    head: RequestHead
    body: bytes
    connection: int  # 0 for the first connection that was accepted, 1 for the second, …

    @property
    def method(self) -> str:
        return self.head.method

    @property
    def target(self) -> str:
        return self.head.target

    @property
    def path(self) -> str:
        return self.head.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.head.target.partition("?")[2]

    def header(self, name: str) -> str | None:
        """The values of the field, joined by commas; None when it is absent."""
        values = [value for known, value in self.head.headers if known == name.lower()]
        return ", ".join(values) if values else None


@dataclass(frozen=True, slots=True)
class LoopbackResponse:
    """What to answer. Framing fields are added by the server."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    chunks: tuple[bytes, ...] | None = None  # sent chunked, one by one, in place of `body`
    close: bool = False  # end the connection after this response


Handler = Callable[[LoopbackRequest], LoopbackResponse | Awaitable[LoopbackResponse]]


@lru_cache(LOOPBACK_MAX_HEADS_CACHED)
def parse_head(raw: bytes) -> RequestHead:
    """Parse a head without the empty line that ends it. Raises RequestRefused."""
    request_line, *field_lines = raw.split(b"\r\n")
    line = _REQUEST_LINE.fullmatch(request_line)
    if line is None:
        raise RequestRefused(HTTPStatus.BAD_REQUEST, f"malformed request line {request_line[:80]!r}")
    method, target, minor = line.groups()
    headers = tuple(_parse_field(field_line) for field_line in field_lines)
    return RequestHead(
        method=method.decode(),
        target=target.decode(),
        headers=headers,
        body_length=_body_length(headers),
        keeps_alive=minor == b"1" and "close" not in _tokens(headers, "connection"),
        expects_continue="100-continue" in _tokens(headers, "expect"),
    )


def _parse_field(line: bytes) -> tuple[str, str]:
    match = _FIELD_LINE.fullmatch(line)
    if match is None:
        raise RequestRefused(HTTPStatus.BAD_REQUEST, f"malformed field line {line[:80]!r}")
    return match[1].decode().lower(), match[2].strip(b" \t").decode("latin-1")


def _tokens(headers: tuple[tuple[str, str], ...], name: str) -> list[str]:
    """The members of a comma-separated field, in lower case."""
    values = [value for known, value in headers if known == name]
    return [token.strip().lower() for value in values for token in value.split(",")]


def _body_length(headers: tuple[tuple[str, str], ...]) -> int | None:
    """Bytes of body to expect, None when it is chunked (RFC 9112 §6.3)."""
    codings = _tokens(headers, "transfer-encoding")
    lengths = set(_tokens(headers, "content-length"))
    if codings and lengths:
        raise RequestRefused(HTTPStatus.BAD_REQUEST, "both Transfer-Encoding and Content-Length")
    if codings:
        if codings != ["chunked"]:
            raise RequestRefused(HTTPStatus.NOT_IMPLEMENTED, f"transfer codings {codings}; wanted chunked")
        return None
    return _checked_length(lengths) if lengths else 0


def _checked_length(lengths: set[str]) -> int:
    digits = lengths.pop()
    if lengths or not (digits.isascii() and digits.isdigit()):
        raise RequestRefused(HTTPStatus.BAD_REQUEST, "Content-Length is not one number")
    # More digits than the bound has are too many whatever they say, and int() need not read them.
    if len(digits) > len(str(LOOPBACK_MAX_BODY_BYTES)) or int(digits) > LOOPBACK_MAX_BODY_BYTES:
        raise body_too_large()
    return int(digits)


def render_response(response: LoopbackResponse, method: str, *, close: bool) -> bytes:
    """The response as one run of bytes, without a body where the method or the status says so."""
    lines = [f"HTTP/1.1 {response.status} {_phrase(response.status)}"]
    lines += [f"{name}: {value}" for name, value in response.headers]
    if response.chunks is not None:
        lines.append("Transfer-Encoding: chunked")
    elif response.status not in _BODILESS:
        lines.append(f"Content-Length: {len(response.body)}")
    if close:
        lines.append("Connection: close")
    head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
    if method == "HEAD" or response.status in _BODILESS:
        return head
    return head + (response.body if response.chunks is None else _in_chunks(response.chunks))


def _in_chunks(chunks: tuple[bytes, ...]) -> bytes:
    return b"".join(map(render_chunk, chunks)) + LAST_CHUNK


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
