"""Responses as a client reads them: head, framing, body (RFC 9112 §4 to §7); oracles: h11 and httptools."""

from collections.abc import Sequence

from fuzz.oracles import Reading, response_by_h11, response_by_httptools
from fuzz.targets.heads import agree, as_oracles_take_it, read, read_alike
from trunkline.wire.fields import Field
from trunkline.wire.h1.body import BodyDecoder, body_decoder
from trunkline.wire.h1.framing import response_framing
from trunkline.wire.h1.head import parse_response_head
from trunkline.wire.limits import MAX_FIELD_BYTES, MAX_FIELDS, MAX_LINE_BYTES


def check(data: bytes) -> None:
    """A response is read the same however it is cut, and as an oracle reads it."""
    whole = read_alike(data, _parse, is_request=False)
    if isinstance(whole, Reading):
        comparable = as_oracles_take_it(data)
        ours = read([comparable], _parse, is_request=False)
        agree(comparable, ours, [response_by_h11(comparable), response_by_httptools(comparable)])


def _parse(data: bytes) -> tuple[tuple[bytes, ...], Sequence[Field], BodyDecoder]:
    head = parse_response_head(data, MAX_LINE_BYTES, MAX_FIELD_BYTES, MAX_FIELDS)
    decoder = body_decoder(response_framing(head, "GET"), MAX_FIELD_BYTES, MAX_FIELDS)
    return (b"%d" % head.status,), head.fields, decoder
