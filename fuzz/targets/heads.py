"""What the targets of both roles' heads share: how our reading of a message is compared with the oracles'."""

import re
from collections.abc import Callable, Sequence

from fuzz.cuts import cuts
from fuzz.oracles import Reading
from trunkline.wire.errors import WireError
from trunkline.wire.fields import Field
from trunkline.wire.h1.body import BodyDecoder
from trunkline.wire.h1.head_buffer import HeadBuffer

# RFC 9110 §5.5 lets a recipient keep them, and peers do send them; neither oracle takes them.
_CONTROLS = re.compile(rb"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]")
# Neither do they take whitespace around ";" and "=" in chunk extensions, which RFC 9112 §7.1.1 allows, and they look at
# framing fields in trailers, where a recipient is to ignore them (RFC 9110 §6.5.1).
_NOT_TAKEN_IN_BODY = re.compile(rb"(?i)[ \t][;=]|[;=][ \t]|\n(?:transfer-encoding|content-length):")
# 05 and 5 are the same decimal value (RFC 9110 §8.6), which the oracles compare as text.
_PADDED_LENGTH = re.compile(rb"(?i)\ncontent-length:(?:.*,)?[ \t]*0[0-9]")
# The oracles act on what such names say, and change or drop the fields.
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})
# Such a response ends with its head, whatever its fields say (RFC 9112 §6.3, rule 1). The oracles mind.
_BODYLESS = frozenset({b"204", b"304", *(b"%d" % status for status in range(100, 200))})


# Parses a head; returns its start line's parts, its fields, and what decodes the body behind it.
Parse = Callable[[bytes], tuple[tuple[bytes, ...], Sequence[Field], BodyDecoder]]


def read_alike(data: bytes, parse: Parse, *, is_request: bool) -> Reading | str | None:
    """Read a message whole, and raise unless it is read the same again, and however it is cut.

    Returns the reading, "refused", or None while the message goes on.
    """
    whole = read([data], parse, is_request=is_request)
    assert read([data], parse, is_request=is_request) == whole, "what is looked up means something else"
    for portions in cuts(data):
        assert read(portions, parse, is_request=is_request) == whole, "how the bytes are cut makes a difference"
    return whole


def read(portions: Sequence[bytes], parse: Parse, *, is_request: bool) -> Reading | str | None:
    """Read a message that comes in portions; returns what `read_alike` does."""
    try:
        return _message(portions, parse, HeadBuffer(is_request=is_request))
    except WireError:
        return "refused"


def _message(portions: Sequence[bytes], parse: Parse, buffer: HeadBuffer) -> Reading | None:
    for number, portion in enumerate(portions):
        found = buffer.feed(portion)
        if found is not None:
            head, rest = found
            start, fields, decoder = parse(head)
            return _body(start, fields, decoder, [rest, *portions[number + 1 :]])
    return None


def _body(
    start: tuple[bytes, ...], fields: Sequence[Field], decoder: BodyDecoder, portions: Sequence[bytes]
) -> Reading | None:
    pieces: list[bytes] = []
    for portion in portions:
        if decoder.decode(portion, pieces, []) is not None:
            return Reading(start, folded(fields), b"".join(pieces))
    return None


def as_oracles_take_it(data: bytes) -> bytes:
    """Return the message with letters for the control characters in its fields and trailers that only we take."""
    return _CONTROLS.sub(b"x", data)


def folded(fields: Sequence[Field]) -> list[tuple[bytes, bytes]]:
    """Return fields as a `Reading` has them."""
    return [(name.lower().encode(), value.encode("utf-8", "surrogateescape")) for name, value in fields]


def agree(data: bytes, ours: Reading | str | None, theirs: Sequence[Reading | None]) -> None:
    """Raise unless an oracle takes the message `data` that we took, and all that do read it as we did."""
    assert isinstance(ours, Reading), "control characters in fields made a difference"
    readings = [each for each in theirs if each is not None]
    assert readings or _is_beyond_oracles(data, ours), f"taken by nobody but us: {ours}"
    for reading in readings:
        assert _comparable(reading) == _comparable(ours), f"{reading} is not {ours}"


def _is_beyond_oracles(data: bytes, ours: Reading) -> bool:
    """Tell whether the oracles refuse what they need not."""
    head, _, body = data.partition(b"\r\n\r\n")
    is_odd = _PADDED_LENGTH.search(head) is not None or _NOT_TAKEN_IN_BODY.search(body) is not None
    return is_odd or ours.start[0] in _BODYLESS


def _comparable(reading: Reading) -> Reading:
    fields = [field for field in reading.fields if field[0] not in _FRAMING]
    return reading._replace(fields=fields, body=b"" if reading.start[0] in _BODYLESS else reading.body)
