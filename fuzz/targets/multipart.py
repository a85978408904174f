"""Multipart bodies and their parts' names (RFC 2046 §5.1.1, RFC 7578, RFC 6266); what we write comes back.

The first line of the input is the boundary, the rest the body. The round trip makes parts of the body's lines.
"""

import warnings

from fuzz.cuts import cuts
from trunkline.wire.content_disposition import (
    content_disposition_filename,
    content_disposition_header,
    parse_content_disposition,
)
from trunkline.wire.errors import WireError
from trunkline.wire.mime import parse_mimetype
from trunkline.wire.multipart import Event, Mark, MultipartParser, PartHead

Part = tuple[list[tuple[str, str]], bytes, bool]  # fields, content, and whether it came whole
Parts = tuple[list[Part], str]  # and how they end


def check(data: bytes) -> None:
    """Parts are the same however the body is cut, their fields can be asked for anything, and ours come back."""
    boundary, _, body = data.partition(b"\n")
    whole = _read(boundary, [body])
    for portions in cuts(body):
        assert _read(boundary, portions) == whole, "how the bytes are cut makes a difference"
    for fields, _, _ in whole[0]:
        for _, value in fields:
            _check_names(value)
    _check_round_trip(body.split(b"\n"))
    _check_name(data.decode("utf-8", "replace")[:100])


def _read(boundary: bytes, portions: list[bytes]) -> Parts:
    parts: list[Part] = []
    try:
        parser = MultipartParser(boundary)
        for portion in portions:
            parser.feed(portion)
            if _take(parser, parts) is Mark.END:
                return parts, "end"
        parser.feed_eof()
        _take(parser, parts)
    except WireError:
        return parts, "refused"
    return parts, "end"


def _take(parser: MultipartParser, parts: list[Part]) -> Event:
    """Add what there is to `parts`; return the event that stopped it."""
    while True:
        event = parser.next_event()
        if isinstance(event, PartHead):
            parts.append((event.fields, b"", False))
        elif isinstance(event, bytes):
            assert event, "a piece without a byte"
            fields, content, _ = parts[-1]
            parts[-1] = (fields, content + event, False)
        elif event is Mark.PART_END:
            parts[-1] = (*parts[-1][:2], True)
        else:
            return event


def _check_names(value: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of bad parameters: they are left out
        _, parameters = parse_content_disposition(value)
    content_disposition_filename(parameters)
    content_disposition_filename(parameters, "name")
    parse_mimetype(value)


def _check_round_trip(contents: list[bytes]) -> None:
    boundary = next(b"%d" % n for n in range(2**32) if not any(b"%d" % n in content for content in contents))
    head = b"--" + boundary + b"\r\nA: b\r\n\r\n"
    body = b"".join(head + content + b"\r\n" for content in contents) + b"--" + boundary + b"--\r\n"
    assert _read(boundary, [body]) == ([([("A", "b")], content, True) for content in contents], "end")


def _check_name(name: str) -> None:
    field = content_disposition_header("form-data", name=name)
    kind, parameters = parse_content_disposition(field)
    assert kind == "form-data"
    assert content_disposition_filename(parameters, "name") == name, field
