"""h11 and httptools behind one function each role: what they read of a message, to compare our reading with.

A reading is what matters for smuggling: the fields, the body, and that it is complete. Neither oracle takes
control characters that RFC 9110 §5.5 lets a recipient keep, so callers compare what is left without them.
"""

from collections.abc import Callable
from typing import NamedTuple

import h11
import httptools


class Reading(NamedTuple):
    """One whole message. start: method and target, or the status; fields: names in lower case, in wire order."""

    start: tuple[bytes, ...]
    fields: list[tuple[bytes, bytes]]
    body: bytes


Oracle = Callable[[bytes], Reading | None]


def _next_event(connection: h11.Connection) -> object:
    try:
        return connection.next_event()
    except h11.RemoteProtocolError:
        return None


def _read_by_h11(connection: h11.Connection, data: bytes) -> Reading | None:
    connection.receive_data(data)
    head = _next_event(connection)
    if isinstance(head, h11.Request):
        start: tuple[bytes, ...] = (head.method, head.target)
    elif isinstance(head, h11.Response | h11.InformationalResponse):
        start = (b"%d" % head.status_code,)
    else:
        return None
    fields = list(head.headers)
    if isinstance(head, h11.InformationalResponse):
        return Reading(start, fields, b"")
    body = b""
    while isinstance(event := _next_event(connection), h11.Data):
        body += event.data
    return Reading(start, fields, body) if isinstance(event, h11.EndOfMessage) else None


def request_by_h11(data: bytes) -> Reading | None:
    """h11's reading of a request; None when it refuses it, or waits for more."""
    return _read_by_h11(h11.Connection(h11.SERVER), data)


def response_by_h11(data: bytes) -> Reading | None:
    """h11's reading of the response to a GET."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    connection.send(h11.EndOfMessage())
    return _read_by_h11(connection, data)


class _Collector:
    """httptools' callbacks: collects the first message."""

    def __init__(self) -> None:
        self.target = b""
        self.fields: list[tuple[bytes, bytes]] = []
        self.body = b""
        self.is_complete = False
        self.head_is_complete = False

    def on_url(self, target: bytes) -> None:
        if not self.is_complete:
            self.target += target

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.head_is_complete:  # trailers come this way too
            self.fields.append((name.lower(), value.strip(b" \t")))

    def on_headers_complete(self) -> None:
        self.head_is_complete = True

    def on_body(self, data: bytes) -> None:
        if not self.is_complete:
            self.body += data

    def on_message_complete(self) -> None:
        self.is_complete = True


def _feed(parser: httptools.HttpRequestParser | httptools.HttpResponseParser, data: bytes) -> None:
    try:
        parser.feed_data(data)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        pass  # it may be about what comes after the message


def _first_message(data: bytes) -> bytes:
    """Return `data` without the empty lines before a message, so that both oracles start at the same byte."""
    return data.lstrip(b"\r\n")


def request_by_httptools(data: bytes) -> Reading | None:
    """httptools' reading of a request."""
    seen = _Collector()
    methods: list[bytes] = []
    parser = httptools.HttpRequestParser(seen)
    seen.on_headers_complete = lambda: _end_head(seen, methods, parser)  # type: ignore[method-assign]  # it asks by name
    _feed(parser, _first_message(data))
    return Reading((methods[0], seen.target), seen.fields, seen.body) if seen.is_complete and methods else None


def _end_head(seen: _Collector, methods: list[bytes], parser: httptools.HttpRequestParser) -> None:
    seen.head_is_complete = True
    methods.append(parser.get_method())


def response_by_httptools(data: bytes) -> Reading | None:
    """httptools' reading of the response to a GET."""
    seen = _Collector()
    parser = httptools.HttpResponseParser(seen)
    _feed(parser, data)
    if not seen.is_complete:
        return None
    return Reading((data[9:12],), seen.fields, seen.body)
