"""From what a caller gives as `data=` to what goes on the wire: the payload, its length, its codings.

A small body of bytes goes with the head in one write; everything else is written by its payload while the response
may already be coming. Lengths and codings that contradict each other are refused here, before anything is sent
(RFC 9112 §6).
"""

from typing import Any, Final

from multidict import CIMultiDict

from trunkline import hdrs
from trunkline.body.bytes_payload import BytesPayload
from trunkline.body.forms import FormData
from trunkline.body.payload import Payload
from trunkline.body.registry import PAYLOAD_REGISTRY, PayloadLookupError
from trunkline.wire.coding import make_encoder
from trunkline.wire.mime import parse_mimetype

# Above this, copying head and body together costs more than a second system call.
SMALL_BODY_BYTES: Final = 2**16


def as_payload(data: Any, headers: "CIMultiDict[str]") -> Payload:
    """Return the payload for `data`: bytes, text, a form, a file, an async iterable, or a payload itself.

    headers: of the request; a charset in its Content-Type encodes text.
    Raises TypeError for what cannot be a body.
    """
    if isinstance(data, FormData):
        data = data()
    try:
        if isinstance(data, str) and hdrs.CONTENT_TYPE in headers:
            encoding = parse_mimetype(headers[hdrs.CONTENT_TYPE]).parameters.get("charset", "utf-8")
            return PAYLOAD_REGISTRY.get(data, encoding=encoding)
        return PAYLOAD_REGISTRY.get(data, disposition=None)
    except PayloadLookupError:
        return FormData(data)()


def add_payload_fields(headers: "CIMultiDict[str]", payload: Payload, skip: frozenset[str]) -> None:
    """Add the fields that describe `payload`, where the caller gave none."""
    for name, value in payload.headers.items():
        if name not in headers and name.lower() not in skip:
            headers[name] = value


def small_bytes(payload: Payload) -> bytes | None:
    """Return the bytes of a body that goes with the head, or None when it is to be written apart."""
    if isinstance(payload, BytesPayload) and (payload.size or 0) <= SMALL_BODY_BYTES:
        return payload.data
    return None


def announced_length(headers: "CIMultiDict[str]") -> int | None:
    """Return the caller's own Content-Length; raise ValueError when it is no number."""
    value = headers.get(hdrs.CONTENT_LENGTH)
    if value is None:
        return None
    if not (value.isascii() and value.isdigit()):
        raise ValueError(f"Content-Length is {value[:40]!r}; give decimal digits, or leave it out")
    return int(value)


def check_codings(headers: "CIMultiDict[str]", chunked: bool | None, compress: str | None) -> None:
    """Raise ValueError for a coding we have not, and when the caller's fields and arguments contradict each other."""
    if compress:
        make_encoder(compress)
    if compress and hdrs.CONTENT_ENCODING in headers:
        raise ValueError("compress can not be set if Content-Encoding header is set")
    transfer = headers.get(hdrs.TRANSFER_ENCODING)
    if transfer is not None:
        if transfer.strip().lower() != "chunked":
            raise ValueError(f"Transfer-Encoding {transfer[:40]!r} cannot be sent; only 'chunked' can")
        if chunked:
            raise ValueError('chunked can not be set if "Transfer-Encoding: chunked" header is set')
        if hdrs.CONTENT_LENGTH in headers:
            raise ValueError("Transfer-Encoding and Content-Length headers contradict each other; set neither")
    elif chunked and hdrs.CONTENT_LENGTH in headers:
        raise ValueError("chunked can not be set if Content-Length header is set")


def check_framing(headers: "CIMultiDict[str]", length: int | None, *, chunked: bool) -> None:
    """Raise ValueError when `headers` announce another body than the one of `length` bytes, or in chunks, that is sent.

    They may have been changed since they were settled, and then one message would end within the next.
    """
    lengths = headers.getall(hdrs.CONTENT_LENGTH, [])
    codings = headers.getall(hdrs.TRANSFER_ENCODING, [])
    if chunked:
        fits = not lengths and codings == ["chunked"]
    elif length is None:
        fits = lengths in ([], ["0"]) and not codings
    else:
        fits = lengths == [str(length)] and not codings
    if not fits:
        body = "goes in chunks" if chunked else f"has {length or 0} bytes"
        raise ValueError(
            f"Content-Length {lengths!r:.40} and Transfer-Encoding {codings!r:.40} do not fit the body, which "
            f"{body}; leave these fields as they are, or replace the body with update_body()"
        )
