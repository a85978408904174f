"""What the callbacks of a trace get to know, one class for each signal of `tracing.TraceConfig`.

`method` and `url` are those of the request at hand: after a redirect, of the one that followed it.
"""

from dataclasses import dataclass

from multidict import CIMultiDict
from yarl import URL

from trunkline.client.response import ClientResponse


@dataclass(frozen=True, slots=True)
class TraceRequestStartParams:
    """headers: those of the session and of the call; what is changed in them is sent, redirects included."""

    method: str
    url: URL
    headers: CIMultiDict[str]


@dataclass(frozen=True, slots=True)
class TraceRequestChunkSentParams:
    """chunk: a piece of the body, before it is compressed or framed."""

    method: str
    url: URL
    chunk: bytes


@dataclass(frozen=True, slots=True)
class TraceResponseChunkReceivedParams:
    """chunk: the body, as `ClientResponse.read` returns it."""

    method: str
    url: URL
    chunk: bytes


@dataclass(frozen=True, slots=True)
class TraceRequestEndParams:
    """response: what the caller is about to get; its body may be still to come."""

    method: str
    url: URL
    headers: CIMultiDict[str]
    response: ClientResponse


@dataclass(frozen=True, slots=True)
class TraceRequestExceptionParams:
    """exception: what the caller is about to get; CancelledError, too."""

    method: str
    url: URL
    headers: CIMultiDict[str]
    exception: BaseException


@dataclass(frozen=True, slots=True)
class TraceRequestRedirectParams:
    """response: the redirect; what is changed in `headers` is sent with the request that follows."""

    method: str
    url: URL
    headers: CIMultiDict[str]
    response: ClientResponse


@dataclass(frozen=True, slots=True)
class TraceRequestHeadersSentParams:
    """headers: all that are sent, about to be written."""

    method: str
    url: URL
    headers: CIMultiDict[str]


@dataclass(frozen=True, slots=True)
class TraceConnectionQueuedStartParams:
    """No connection is free."""


@dataclass(frozen=True, slots=True)
class TraceConnectionQueuedEndParams:
    """The wait is over."""


@dataclass(frozen=True, slots=True)
class TraceConnectionCreateStartParams:
    """A connection is about to be opened."""


@dataclass(frozen=True, slots=True)
class TraceConnectionCreateEndParams:
    """The connection is open."""


@dataclass(frozen=True, slots=True)
class TraceConnectionReuseconnParams:
    """A connection is used once more."""


@dataclass(frozen=True, slots=True)
class TraceDnsResolveHostStartParams:
    """The resolver is about to be asked for `host`."""

    host: str


@dataclass(frozen=True, slots=True)
class TraceDnsResolveHostEndParams:
    """It has answered."""

    host: str


@dataclass(frozen=True, slots=True)
class TraceDnsCacheHitParams:
    """`host` needs no look-up of its own."""

    host: str


@dataclass(frozen=True, slots=True)
class TraceDnsCacheMissParams:
    """`host` has to be looked up."""

    host: str
