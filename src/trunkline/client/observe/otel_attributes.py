"""What OpenTelemetry is told of a request, in the words of its HTTP semantic conventions, version 1.44.

Plain functions from a request, its response or its error to attributes. Fields and bodies, which may hold secrets, are
not among them; in URLs, credentials and what is known to be secret in queries is replaced. `error.type` is a status
from 400 on, or the name of an error's class without its module, as OpenTelemetry's own instrumentation of Python has
it, or "_OTHER" for a try of which nothing is known but that another one followed.
"""

import os
import re
from collections.abc import Mapping
from typing import Final

from yarl import URL

from trunkline import hdrs
from trunkline.client.observe.redaction import without_secret_keys
from trunkline.client.observe.try_record import Endpoints, TryRecord

Attributes = dict[str, str | int]

SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.44.0"
OTHER: Final = "_OTHER"  # what the conventions call a method, or an error, that has no name
REDACTED: Final = "REDACTED"  # the conventions' word (http-spans, url.full)

# Those of RFC 9110 §9 and PATCH (RFC 5789): the conventions' default for http.request.method.
_METHODS: Final = "CONNECT,DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT,TRACE"
_METHODS_VARIABLE: Final = "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS"

_MAX_LENGTH_DIGITS: Final = 18  # what fits into the 64 bits that exporters have for a number
_USER: Final = re.compile(r"(\w://)[^/?#\s@]*@")


def known_methods() -> frozenset[str]:
    """Return the methods that are named; others are `_OTHER`, so that a peer's whim makes no new time series."""
    return frozenset(os.environ.get(_METHODS_VARIABLE, _METHODS).split(","))


def redacted(text: str) -> str:
    """Return `text` with the secrets of each URL in it replaced."""
    return without_secret_keys(_USER.sub(rf"\1{REDACTED}:{REDACTED}@", text), REDACTED)


def server_attributes(method: str, url: URL, known: frozenset[str]) -> Attributes:
    """Return what spans and metrics tell of a request: method and server."""
    attributes: Attributes = {
        "http.request.method": method if method in known else OTHER,
        "server.address": url.host or "",
    }
    if url.port is not None:
        attributes["server.port"] = url.port
    return attributes


def url_attributes(method: str, url: URL, known: frozenset[str]) -> Attributes:
    """Return what only spans tell of a request, because it has too many values for metrics."""
    attributes: Attributes = {"url.full": redacted(str(url))}
    if method not in known:
        attributes["http.request.method_original"] = method
    return attributes


def outcome(record: TryRecord, error: BaseException | None) -> tuple[Attributes, str | None]:
    """Return what spans and metrics tell of how a try ended, and a message if a status does not say it all.

    error: what the user gets; None for a response, and for a try that was followed by another one.
    """
    head = record.head
    result: Attributes = {}
    if head is not None:
        result["http.response.status_code"] = head.status
        major, minor = head.version
        result["network.protocol.version"] = f"{major}.{minor}" if major < 2 else str(major)
        if head.status >= 400:  # to a client, all of these are errors (http-spans, Status)
            return {**result, "error.type": str(head.status)}, None
    if error is not None:
        return {**result, "error.type": type(error).__qualname__}, str(error)
    if head is None:
        name, _, message = (record.error or OTHER).partition(": ")
        return {"error.type": name}, message
    return result, None


def peer_attributes(endpoints: Endpoints | None) -> Attributes:
    """Return what spans tell of the connection: the address at its other end."""
    attributes: Attributes = {}
    if endpoints is not None and endpoints.peer is not None:
        attributes["network.peer.address"] = endpoints.peer
        if endpoints.peer_port is not None:
            attributes["network.peer.port"] = endpoints.peer_port
    return attributes


def response_size(record: TryRecord) -> int | None:
    """Return how many bytes the body of the response has on the wire; None when its head does not tell."""
    if record.head is None or record.method == hdrs.METH_HEAD or record.head.status == 304:  # RFC 9112 §6.3
        return None
    return record.head.content_length


def body_size(headers: Mapping[str, str]) -> int | None:
    """Return the length of the body that `headers` announce; None when they do not."""
    length = headers.get(hdrs.CONTENT_LENGTH, "")
    return int(length) if length.isdecimal() and len(length) <= _MAX_LENGTH_DIGITS else None
