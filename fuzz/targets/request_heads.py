"""Requests as a server reads them: head, framing, body, URL (RFC 9112 §3 to §7); oracles: h11 and httptools."""

from collections.abc import Sequence

from fuzz.oracles import Reading, request_by_h11, request_by_httptools
from fuzz.targets.heads import agree, as_oracles_take_it, read, read_alike
from trunkline.wire.fields import Field
from trunkline.wire.h1.body import BodyDecoder, body_decoder
from trunkline.wire.h1.framing import request_framing
from trunkline.wire.h1.request_head import parse_request_head
from trunkline.wire.limits import MAX_FIELD_BYTES, MAX_FIELDS, MAX_LINE_BYTES
from trunkline.wire.received import ReceivedHead


def check(data: bytes) -> None:
    """A request is read the same however it is cut, as an oracle reads it, and no question about it fails."""
    whole = read_alike(data, _parse, is_request=True)
    if isinstance(whole, Reading) and whole.start[0] != b"CONNECT":  # what follows one is no body
        comparable = as_oracles_take_it(data)
        ours = read([comparable], _parse, is_request=True)
        agree(comparable, ours, [request_by_h11(comparable), request_by_httptools(comparable)])


def _parse(data: bytes) -> tuple[tuple[bytes, ...], Sequence[Field], BodyDecoder]:
    head = parse_request_head(data, MAX_LINE_BYTES, MAX_FIELD_BYTES, MAX_FIELDS)
    _ask(head)
    decoder = body_decoder(request_framing(head), MAX_FIELD_BYTES, MAX_FIELDS)
    return (head.method.encode(), head.target.encode()), head.fields, decoder


def _ask(head: ReceivedHead) -> None:
    """Ask what a server asks of every head that it takes: nothing may be raised any more."""
    assert len(head.headers) == len(head.raw_headers) == len(head.fields)
    if head.target.startswith("/"):
        assert not head.url.raw_authority, "a path became an authority"
    elif head.method != "CONNECT" and head.target != "*":
        assert head.authority is not None
        assert head.url.raw_authority.lower().startswith(head.authority.lower().partition(":")[0][:1])
