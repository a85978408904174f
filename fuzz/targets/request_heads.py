"""Requests as a server reads them: head, framing, body, URL (RFC 9112 §3 to §7); oracles: h11 and httptools."""

from fuzz.cuts import cuts
from fuzz.oracles import Reading, request_by_h11, request_by_httptools
from fuzz.targets.heads import agree, as_oracles_take_it, folded
from trunkline.wire.errors import WireError
from trunkline.wire.h1.body import body_decoder
from trunkline.wire.h1.framing import request_framing
from trunkline.wire.h1.head_buffer import HeadBuffer
from trunkline.wire.h1.request_head import parse_request_head
from trunkline.wire.limits import MAX_FIELD_BYTES, MAX_FIELDS, MAX_LINE_BYTES
from trunkline.wire.received import ReceivedHead


def check(data: bytes) -> None:
    """A request is read the same however it is cut, as an oracle reads it, and no question about it fails."""
    whole = _read([data])
    assert _read([data]) == whole, "a head that is looked up means something else"
    for portions in cuts(data):
        assert _read(portions) == whole, "how the bytes are cut makes a difference"
    if isinstance(whole, Reading) and whole.start[0] != b"CONNECT":  # what follows one is no body
        comparable = as_oracles_take_it(data)
        agree(comparable, _read([comparable]), [request_by_h11(comparable), request_by_httptools(comparable)])


def _read(portions: list[bytes]) -> Reading | str | None:
    try:
        return _message(portions)
    except WireError:
        return "refused"


def _message(portions: list[bytes]) -> Reading | None:
    buffer = HeadBuffer(is_request=True)
    for number, portion in enumerate(portions):
        found = buffer.feed(portion)
        if found is not None:
            return _after_head(*found, portions[number + 1 :])
    return None


def _after_head(data: bytes, rest: bytes, portions: list[bytes]) -> Reading | None:
    head = parse_request_head(data, MAX_LINE_BYTES, MAX_FIELD_BYTES, MAX_FIELDS)
    _ask(head)
    decoder = body_decoder(request_framing(head), MAX_FIELD_BYTES, MAX_FIELDS)
    pieces: list[bytes] = []
    for portion in [rest, *portions]:
        if decoder.decode(portion, pieces, []) is not None:
            start = (head.method.encode(), head.target.encode())
            return Reading(start, folded(head.fields), b"".join(pieces))
    return None


def _ask(head: ReceivedHead) -> None:
    """Ask what a server asks of every head that it takes: nothing may be raised any more."""
    assert len(head.headers) == len(head.raw_headers) == len(head.fields)
    if head.target.startswith("/"):
        assert not head.url.raw_authority, "a path became an authority"
    elif head.method != "CONNECT" and head.target != "*":
        assert head.authority is not None
        assert head.url.raw_authority.lower().startswith(head.authority.lower().partition(":")[0][:1])
