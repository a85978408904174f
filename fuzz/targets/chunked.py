"""The chunked transfer coding (RFC 9112 §7.1); oracles: h11 and httptools, which must find the same body."""

import re

from fuzz.cuts import cuts
from fuzz.oracles import response_by_h11, response_by_httptools
from trunkline.wire.errors import BadChunk
from trunkline.wire.h1.chunked import ChunkedDecoder, render_chunk

_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
# RFC 9112 §7.1.1 allows it around ";" and "="; the oracles do not know it.
_BAD_WHITESPACE = re.compile(rb"[ \t]*([;=])[ \t]*")
# RFC 9110 §5.5 lets us keep them in a trailer; neither oracle takes them.
_CONTROLS = re.compile(rb"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]")
# The oracles look at them in trailers too, where a recipient is to ignore them (RFC 9110 §6.5.1).
_FRAMING = re.compile(rb"(?i)\n(?:transfer-encoding|content-length):")

Decoded = tuple[bytes, list[int], list[tuple[str, str]], bytes | None]


def check(data: bytes) -> None:
    """A body is the same however it is cut, and the one that an oracle sees; ours comes back."""
    whole = _decode([data])
    for portions in cuts(data):
        assert _decode(portions) == whole, "how the bytes are cut makes a difference"
    if whole is not None and whole[3] is not None:
        _compare(data[: len(data) - len(whole[3])], whole[0])
    own = render_chunk(data) + b"0\r\n\r\n"
    assert _decode([own]) == (data, [len(data)] if data else [], [], b"")


def _decode(portions: list[bytes]) -> Decoded | None:
    """Return body, ends, trailers, and what came behind; None for a body that is refused."""
    decoder = ChunkedDecoder()
    pieces: list[bytes] = []
    ends: list[int] = []
    try:
        for number, portion in enumerate(portions):
            rest = decoder.decode(portion, pieces, ends)
            if rest is not None:
                return b"".join(pieces), ends, decoder.trailers, rest + b"".join(portions[number + 1 :])
    except BadChunk:
        return None
    return b"".join(pieces), ends, decoder.trailers, None


def _compare(wire: bytes, body: bytes) -> None:
    is_beyond_them = _CONTROLS.search(wire) or _FRAMING.search(wire) or _BAD_WHITESPACE.sub(rb"\1", body) != body
    if is_beyond_them:
        return
    wire = _BAD_WHITESPACE.sub(rb"\1", wire)
    readings = [read(_HEAD + wire) for read in (response_by_h11, response_by_httptools)]
    bodies = {reading.body for reading in readings if reading is not None}
    assert bodies == {body}, f"we took {body!r}, the oracles {bodies}"
