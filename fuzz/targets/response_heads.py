"""Responses as a client reads them: head, framing, body (RFC 9112 §4 to §7); oracles: h11 and httptools."""

from fuzz.cuts import cuts
from fuzz.oracles import Reading, response_by_h11, response_by_httptools
from fuzz.targets.heads import agree, as_oracles_take_it, folded
from trunkline.wire.errors import WireError
from trunkline.wire.h1.body import body_decoder
from trunkline.wire.h1.framing import response_framing
from trunkline.wire.h1.head import ResponseHead, parse_response_head
from trunkline.wire.h1.head_buffer import HeadBuffer
from trunkline.wire.limits import MAX_FIELD_BYTES, MAX_FIELDS, MAX_LINE_BYTES


def check(data: bytes) -> None:
    """A response is read the same however it is cut, and as an oracle reads it."""
    whole = _read([data])
    assert _read([data]) == whole, "a line that is looked up means something else"
    for portions in cuts(data):
        assert _read(portions) == whole, "how the bytes are cut makes a difference"
    if isinstance(whole, Reading):
        comparable = as_oracles_take_it(data)
        agree(comparable, _read([comparable]), [response_by_h11(comparable), response_by_httptools(comparable)])


def _read(portions: list[bytes]) -> Reading | str | None:
    """Return what we read; the name of an error, or None while the message goes on."""
    try:
        return _message(portions)
    except WireError:
        return "refused"


def _message(portions: list[bytes]) -> Reading | None:
    buffer = HeadBuffer()
    for number, portion in enumerate(portions):
        found = buffer.feed(portion)
        if found is not None:
            return _after_head(*found, portions[number + 1 :])
    return None


def _after_head(data: bytes, rest: bytes, portions: list[bytes]) -> Reading | None:
    head = parse_response_head(data, MAX_LINE_BYTES, MAX_FIELD_BYTES, MAX_FIELDS)
    decoder = body_decoder(response_framing(head, "GET"), MAX_FIELD_BYTES, MAX_FIELDS)
    pieces: list[bytes] = []
    for portion in [rest, *portions]:
        if decoder.decode(portion, pieces, []) is not None:
            return _reading(head, b"".join(pieces))
    return None


def _reading(head: ResponseHead, body: bytes) -> Reading:
    return Reading((b"%d" % head.status,), folded(head.fields), body)
